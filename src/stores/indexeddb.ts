import { createStore, update } from "idb-keyval";
import { environment } from "../core/environment.ts";
import { compose, orElse, type Policy } from "../core/policy.ts";
import { answer } from "../policies/answer.ts";
import { type SharedStore, sharedBy } from "../policies/fleet.ts";
import { timeout } from "../policies/timeout.ts";
import { type CircuitRecord, coordinate, viewOf } from "../state/coordinator.ts";
import type { Report, View } from "../state/sync.ts";
import { memoryStore } from "./memory.ts";

export interface IndexedDbStoreOptions {
  /** The database, which belongs to the store alone. Default `ninelives`. */
  readonly database?: string;
}

/** A report on its way to the database. */
interface Sync {
  readonly name: string;
  readonly report: Report;
  readonly onNews: (view: View) => void;
}

interface News {
  readonly name: string;
  readonly view: View;
}

/**
 * A home that all tabs and workers of one origin share.
 *
 * Tabs have one network between them, so any one of them may open a circuit for all. Each change is told to the others
 * by BroadcastChannel at once. Where the database is missing, blocked, full or lost, the store goes on in memory: the
 * tab is then alone, and nothing fails.
 *
 * @example
 * const circuit = circuitBreaker({ name: "prices", shared: indexedDbStore() });
 */
export function indexedDbStore(options: IndexedDbStoreOptions = {}): SharedStore {
  const database = options.database ?? "ninelives";
  const memory = memoryStore({ quorum: "any" });
  const listeners = new Map<string, Map<string, (view: View) => void>>();
  let opened: ReturnType<typeof createStore> | undefined;
  let channel: BroadcastChannel | undefined;

  /** Tells all circuits of this tab, save the one whose report it was. */
  function tell({ name, view }: News, reporter?: string): void {
    for (const [replica, listener] of listeners.get(name) ?? []) if (replica !== reporter) listener(view);
  }

  function join(): BroadcastChannel | undefined {
    try {
      const joined: BroadcastChannel & { unref?: () => void } = new BroadcastChannel(database);
      // Under Node a channel that listens would keep the process alive.
      joined.unref?.();
      joined.addEventListener("message", ({ data }: MessageEvent<News>) => tell(data));
      return joined;
    } catch {
      // Where there is none, tabs hear of changes when they next report.
      return undefined;
    }
  }

  function open(): ReturnType<typeof createStore> {
    const connect = createStore(database, "circuits");
    return (mode, use) =>
      connect(mode, (circuits) => {
        const { db } = circuits.transaction;
        // Who wants to delete the database need not wait for this tab to close.
        db.onversionchange = () => {
          db.close();
          opened = undefined;
        };
        return use(circuits);
      });
  }

  async function inDatabase({ name, report }: Sync): Promise<View> {
    // A connection that failed once is never used again: the next report opens a new one.
    opened ??= open();
    let changed: CircuitRecord | undefined;
    let view: View | undefined;
    try {
      await update<CircuitRecord>(
        name,
        (before) => {
          const [record, seen] = coordinate(before, report, Date.now(), "any");
          changed = record.epoch === before?.epoch ? undefined : record;
          view = seen;
          return record;
        },
        opened,
      );
    } catch (error) {
      opened = undefined;
      throw error;
    }
    if (changed !== undefined) {
      const news: News = { name, view: viewOf(changed) };
      channel?.postMessage(news);
      tell(news, report.replica);
    }
    return view as View;
  }

  const alone = answer<View, Sync>(({ name, report, onNews }) => memory.sync(name, report, onNews));
  const lasting: Policy<Sync, View> = compose(environment({}), orElse(timeout("2s"), alone));
  const sync = lasting.wrap(inDatabase);

  return sharedBy({
    sync(name, report, onNews) {
      const heard = listeners.get(name) ?? new Map<string, (view: View) => void>();
      listeners.set(name, heard.set(report.replica, onNews));
      channel ??= join();
      return sync({ name, report, onNews });
    },
  });
}
