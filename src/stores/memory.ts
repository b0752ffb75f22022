import { systemClock } from "../core/clock.ts";
import { refuse } from "../core/duration.ts";
import { type SharedStore, sharedBy } from "../policies/fleet.ts";
import type { CompareAndSet } from "../state/compare-and-set.ts";
import { coordinate, isNews, type Quorum, revive, type SharedRecord, viewOf } from "../state/coordinator.ts";
import type { View } from "../state/sync.ts";
import { keepLatest } from "./keep-latest.ts";
import { readRecord } from "./read-record.ts";

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

/** Circuits of one name that hear of its news: as many as a record remembers. */
const mostListeners = 256;

export interface MemoryStoreOptions {
  /** Who must vote for opening. Default `majority`. */
  readonly quorum?: Quorum;
  /** Default the platform's. */
  readonly clock?: { now(): number };
}

/** What a home in memory keeps under each name. Plain JSON, without times of any clock. */
export interface MemoryStoreSnapshot {
  readonly records: Readonly<Record<string, SharedRecord>>;
}

/** A home in memory also tells what it keeps, so that the next process may go on with it. */
export interface MemoryStore extends SharedStore {
  snapshot(): MemoryStoreSnapshot;
  /**
   * Puts these in the place of what is kept under their names, as if no time had passed since the snapshot.
   *
   * @throws TypeError for what is no snapshot; all then stays as it was
   */
  restore(snapshot: MemoryStoreSnapshot): void;
}

/**
 * A home in this process, for circuits that are shared within it, for tests, and for when another home is gone.
 *
 * @example
 * const shared = memoryStore();
 * const reads = circuitBreaker({ name: "database", shared });
 * const writes = circuitBreaker({ name: "database", shared });
 */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const { quorum = "majority", clock = systemClock } = options;
  const records = new Map<string, SharedRecord>();
  const listeners = new Map<string, Map<string, (view: View) => void>>();

  const store = sharedBy({
    async sync(name, report, onNews) {
      const before = records.get(name);
      const [record, view] = coordinate(before, report, clock.now(), quorum);
      records.set(name, record);
      const heard = listeners.get(name) ?? new Map<string, (view: View) => void>();
      keepLatest(heard, report.replica, onNews, mostListeners);
      listeners.set(name, heard);
      if (isNews(before, record)) {
        for (const [replica, listener] of heard) if (replica !== report.replica) listener(viewOf(record));
      }
      return view;
    },
  });

  return Object.assign(store, {
    snapshot(): MemoryStoreSnapshot {
      const now = clock.now();
      const kept = [...records].map(([name, record]) => [name, timeless(record, now)] as const);
      return { records: Object.fromEntries(kept) };
    },
    restore(snapshot: MemoryStoreSnapshot): void {
      for (const [name, record] of readRecords(snapshot))
        records.set(name, { ...revive(record), clock: clock.now() });
    },
  });
}

/** A record whose time has come to now, by no clock. */
function timeless(record: SharedRecord, now: number): SharedRecord {
  return { ...record, time: record.time + Math.max(0, now - record.clock), clock: 0 };
}

/** @throws TypeError for what is no snapshot */
function readRecords(snapshot: MemoryStoreSnapshot): (readonly [name: string, record: SharedRecord])[] {
  const given: unknown = Object(snapshot).records;
  if (typeof given !== "object" || given === null)
    return refuse("restore: records", "an object with a record for each name", given, TypeError);
  return Object.entries(given).map(([name, kept]) => {
    const record = readRecord(kept);
    return record === undefined
      ? refuse(`restore: records.${name}`, "a record", kept, TypeError)
      : ([name, record] as const);
  });
}
