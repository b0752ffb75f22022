import { systemClock } from "../core/clock.ts";
import { compose } from "../core/policy.ts";
import { exponential } from "../policies/backoff.ts";
import { retry } from "../policies/retry.ts";
import { timeout } from "../policies/timeout.ts";
import type { CompareAndSet } from "../state/compare-and-set.ts";
import {
  attempted,
  configured,
  type DocumentChange,
  type DocumentHistory,
  type DocumentOutcome,
  inForce,
  replacing,
  settled,
} from "./document-history.ts";
import type { PolicyDocument } from "./wire.ts";

/** Where policy documents are kept with their versions. Whoever reads after the end of an override finds it ended. */
export interface DocumentStore {
  /** Those that were ever changed, by name. */
  histories(): Promise<readonly DocumentHistory[]>;
  /** What is in force of each, where that costs less than all versions. Default: the last ones of `histories`. */
  documents?(): Promise<readonly PolicyDocument[]>;
  history(name: string): Promise<DocumentHistory | undefined>;
  /**
   * Replaces a document if it still has the version that the sender saw.
   *
   * @param original what the configuration says, the version 0 of one that was never changed
   */
  change(name: string, original: string, change: DocumentChange): Promise<DocumentOutcome>;
  /** Puts a snapshot in the place of all that `originals` name, and gives what is then in force. */
  restore(
    snapshots: readonly DocumentHistory[],
    originals: readonly DocumentHistory[],
  ): Promise<readonly PolicyDocument[]>;
}

export interface DocumentStoreOptions {
  /** Under what name they are kept. Default `documents`. */
  readonly name?: string;
}

/** Somebody else was faster: what was read is no longer what stands there. */
class Contended extends Error {
  override readonly name = "Contended";
}

type Histories = Map<string, DocumentHistory>;

/**
 * Keeps policy documents in anything that can keep a text and replace it only if it is unchanged: Redis, etcd, memory.
 *
 * All are one text under one name, so that two changes at once are never half of each, and a snapshot is put back as a whole.
 *
 * @example
 * const documents = documentStore(redisHome(await createClient({ url: "redis://localhost" }).connect()));
 */
export function documentStore<V>(home: CompareAndSet<V>, options: DocumentStoreOptions = {}): DocumentStore {
  const { name: key = "documents" } = options;
  const patiently = compose(
    timeout("10s"),
    retry({
      attempts: 8,
      backoff: exponential("10ms"),
      jitter: "equal",
      maximumDelay: "1s",
      retryOn: (outcome) => "error" in outcome && outcome.error instanceof Contended,
    }),
    timeout("4s"),
  );

  /** Reads all, has them changed, and writes them if that changed them. */
  function within<T>(act: (histories: Histories, now: number) => T): Promise<T> {
    return patiently.execute(async ({ signal }) => {
      const kept = await home.get(key, signal);
      const { text, version } = kept;
      const now = Math.floor(kept.now ?? systemClock.wall());
      const before = new Map(read(text).map((history) => [inForce(history).name, history]));
      const after = new Map([...before].map(([name, history]) => [name, settled(history, now)]));
      const result = act(after, now);
      const news = after.size !== before.size || [...after].some(([name, each]) => before.get(name) !== each);
      if (news && !(await home.set(key, JSON.stringify([...after.values()]), version, signal)))
        throw new Contended(key);
      return result;
    });
  }

  return {
    histories: () => within((all) => [...all.keys()].sort().map((name) => all.get(name) as DocumentHistory)),
    history: (name) => within((all) => all.get(name)),
    change: (name, original, change) =>
      within((all, now): DocumentOutcome => {
        const history = all.get(name) ?? configured(name, original);
        const { outcome, after } = attempted(history, change, now);
        if (after !== undefined) all.set(name, after);
        return outcome;
      }),
    restore: (snapshots, originals) =>
      within((all, now) => {
        for (const history of replacing(snapshots, originals, (name) => all.get(name), now)) {
          all.set(inForce(history).name, history);
        }
        return [...all.values()].map(inForce);
      }),
  };
}

/** @throws TypeError when something else is kept there: it is not overwritten */
function read(text: string | undefined): DocumentHistory[] {
  if (text === undefined) return [];
  const kept: unknown = JSON.parse(text);
  if (
    Array.isArray(kept) &&
    kept.every((each) => Array.isArray(each) && typeof each.at(-1)?.version === "number")
  ) {
    return kept as DocumentHistory[];
  }
  throw new TypeError("documentStore: what is kept there are no documents");
}
