import { systemClock } from "../core/clock.ts";
import { type SharedStore, sharedBy } from "../policies/fleet.ts";
import type { CompareAndSet } from "../state/compare-and-set.ts";
import { coordinate, isNews, type Quorum, type SharedRecord, viewOf } from "../state/coordinator.ts";
import type { View } from "../state/sync.ts";

/** A place in this process, for tests and for what may end with it: `documentStore(memoryHome())`. */
export function memoryHome(): CompareAndSet<number> {
  const kept = new Map<string, { readonly text: string; readonly version: number }>();
  return {
    get: async (name) => kept.get(name) ?? { text: undefined, version: 0 },
    async set(name, text, version) {
      if ((kept.get(name)?.version ?? 0) !== version) return false;
      kept.set(name, { text, version: version + 1 });
      return true;
    },
  };
}

export interface MemoryStoreOptions {
  /** Who must vote for opening. Default `majority`. */
  readonly quorum?: Quorum;
  /** Default the platform's. */
  readonly clock?: { now(): number };
}

/**
 * A home in this process, for circuits that are shared within it, for tests, and for when another home is gone.
 *
 * @example
 * const shared = memoryStore();
 * const reads = circuitBreaker({ name: "database", shared });
 * const writes = circuitBreaker({ name: "database", shared });
 */
export function memoryStore(options: MemoryStoreOptions = {}): SharedStore {
  const { quorum = "majority", clock = systemClock } = options;
  const records = new Map<string, SharedRecord>();
  const listeners = new Map<string, Map<string, (view: View) => void>>();

  return sharedBy({
    async sync(name, report, onNews) {
      const before = records.get(name);
      const [record, view] = coordinate(before, report, clock.now(), quorum);
      records.set(name, record);
      const heard = listeners.get(name) ?? new Map<string, (view: View) => void>();
      listeners.set(name, heard.set(report.replica, onNews));
      if (isNews(before, record)) {
        for (const [replica, listener] of heard) if (replica !== report.replica) listener(viewOf(record));
      }
      return view;
    },
  });
}
