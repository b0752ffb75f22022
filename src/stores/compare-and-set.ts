import { known, whole } from "../core/check.ts";
import { systemClock } from "../core/clock.ts";
import { oneOf } from "../core/options.ts";
import { compose } from "../core/policy.ts";
import { exponential } from "../policies/backoff.ts";
import { bulkhead } from "../policies/bulkhead.ts";
import { type SharedStore, sharedBy } from "../policies/fleet.ts";
import { keyed } from "../policies/keyed.ts";
import { retry } from "../policies/retry.ts";
import { timeout } from "../policies/timeout.ts";
import type { CompareAndSet, Kept } from "../state/compare-and-set.ts";
import { coordinate, type Quorum, type SharedRecord } from "../state/coordinator.ts";
import type { Report } from "../state/sync.ts";
import { readRecord } from "./read-record.ts";

export type { CompareAndSet, Kept };

export interface CompareAndSetStoreOptions {
  /** Who must vote for opening. Default `majority`. */
  readonly quorum?: Quorum;
  /**
   * Reports a second that are asked for of each name, however many replicas there are. Default 20: each reads and writes,
   * and those that meet begin anew.
   */
  readonly rate?: number;
}

/** Somebody else was faster: what was read is no longer what stands there. */
class Contended extends Error {
  override readonly name = "Contended";
  /** Who met it to the end comes back much later. */
  readonly overloaded = true;
}

/** However often a report met another one, the next is asked for no later than so many times the pause. */
const longestPause = 4;

/**
 * Makes a home for shared state of anything that can keep a text and replace it only if it is unchanged.
 *
 * Two writers at once never lose a report: the later one reads again and decides again. What `get` and `set` throw goes to
 * the policy, which goes on by itself and reports again later; `overloaded: true` on the error makes that much later, and `refused: true`
 * drops the report.
 *
 * @example
 * const shared = compareAndSetStore({
 *   get: async (name) => table.get(name) ?? { text: undefined, version: 0 },
 *   set: async (name, text, version) => table.replace(name, { text, version: version + 1 }, version),
 * });
 */
export function compareAndSetStore<V>(
  home: CompareAndSet<V>,
  options: CompareAndSetStoreOptions = {},
): SharedStore {
  known(options, "compareAndSetStore", ["quorum", "rate"]);
  const quorum = oneOf("majority", "any")(options.quorum ?? "majority", "compareAndSetStore: quorum");
  const rate = whole(options.rate ?? 20, "compareAndSetStore: rate");
  // The waits of those who met differ, else they would meet again.
  const again = retry({
    attempts: 10,
    backoff: exponential("10ms"),
    jitter: "equal",
    maximumDelay: "1s",
    retryOn: (outcome) => "error" in outcome && outcome.error instanceof Contended,
  });
  // Those of one process do not meet: its reports on a name go one after the other. A home that hangs keeps the next one
  // waiting for no longer than the inner timeout.
  const inTurn = keyed(() => bulkhead({ limit: 1, queue: 1_000, maximumWait: "4s" }));
  const sync = compose(timeout("4s"), inTurn, timeout("4s"), again).wrap(
    async ({ name, report }: { readonly name: string; readonly report: Report }, { signal, attempt }) => {
      const { text, version, now = systemClock.wall() } = await home.get(name, signal);
      const [record, view] = coordinate(recordIn(text), report, now, quorum, rate);
      if (!(await home.set(name, JSON.stringify(record), version, signal))) throw new Contended(name);
      // Where writers meet there are too many for this home: they come less often, save a leader who must renew; and a share
      // of a limit is to be renewed before it ends.
      const less = report.kind === "lease" ? 1 : Math.min(attempt, longestPause);
      const ends = view.kind === "limiter" && view.ttl > 0 ? Math.max(view.ttl, view.nextSync) : Infinity;
      return { ...view, nextSync: Math.min(view.nextSync * less, ends) };
    },
  );
  return sharedBy({ sync: (name, report) => sync({ name, report }, { key: name }) });
}

/** Of the options of a store that is built on this one, those that are this one's. */
export function sharingOf({ quorum, rate }: CompareAndSetStoreOptions): CompareAndSetStoreOptions {
  return { ...(quorum !== undefined && { quorum }), ...(rate !== undefined && { rate }) };
}

function recordIn(text: string | undefined): SharedRecord | undefined {
  let kept: unknown;
  try {
    kept = text === undefined ? undefined : JSON.parse(text);
  } catch {
    // It was lost, then.
  }
  return readRecord(kept);
}
