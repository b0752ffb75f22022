import type { ObservedEvent } from "./live.ts";
import type { DocumentReport } from "./system-state.ts";

/** Sources that are told apart for one document: those heard of last. */
const mostFollowers = 50;
/** Refusals that a report has. */
const mostRefusals = 5;

/** How far one source is with a document, as it told last. Plain JSON. */
export interface FollowerRecord {
  readonly source: string;
  readonly at: number;
  /** The version in force there; `null` where it only told of one that it refused. */
  readonly version: number | null;
  readonly refused?: { readonly version: number; readonly reason: string };
}

/** Who follows one document, and how far they are. */
export class Followers {
  readonly #records = new Map<string, FollowerRecord>();

  take(event: ObservedEvent): void {
    if (event.type !== "document.applied" && event.type !== "document.refused") return;
    // Its versions are others than those of the policy.
    if (event.document !== undefined) return;
    const { source, at, version } = event;
    const before = this.#records.get(source);
    if (before !== undefined && at < before.at) return;
    if (event.type === "document.refused") {
      const refused = { version, reason: event.reason };
      this.#keep({ source, at, version: before?.version ?? null, refused });
    } else {
      const refused = before?.refused;
      this.#keep({
        source,
        at,
        version,
        ...(refused !== undefined && refused.version > version && { refused }),
      });
    }
  }

  /** Nothing where nobody told of any document. */
  report(): DocumentReport | undefined {
    const all = [...this.#records.values()];
    if (all.length === 0) return undefined;
    const versions = all.flatMap(({ version }) => version ?? []);
    const newest = versions.length === 0 ? null : Math.max(...versions);
    const refusals = all.flatMap(({ source, at, refused }) =>
      refused === undefined ? [] : [{ source, at, ...refused }],
    );
    return {
      version: newest,
      followers: all.length,
      current: versions.filter((version) => version === newest).length,
      refused: refusals.sort((one, other) => other.at - one.at).slice(0, mostRefusals),
    };
  }

  snapshot(): FollowerRecord[] {
    return [...this.#records.values()];
  }

  /** Adds what a snapshot holds: of two records of a source the newer one stays. */
  restore(records: readonly FollowerRecord[]): void {
    const all = [...this.#records.values(), ...records].sort((one, other) => one.at - other.at);
    for (const record of all) this.#keep(record);
  }

  #keep(record: FollowerRecord): void {
    this.#records.delete(record.source);
    this.#records.set(record.source, record);
    const [oldest] = this.#records.keys();
    if (this.#records.size > mostFollowers) this.#records.delete(oldest as string);
  }
}
