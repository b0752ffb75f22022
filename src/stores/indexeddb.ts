import { createStore, update } from "idb-keyval";
import { type Classify, classifyThrown } from "../core/classify.ts";
import type { Context } from "../core/context.ts";
import { environment } from "../core/environment.ts";
import { compose, orElse, type Policy } from "../core/policy.ts";
import { answer } from "../policies/answer.ts";
import { circuitBreaker } from "../policies/circuit-breaker.ts";
import { type SharedStore, sharedBy } from "../policies/fleet.ts";
import { timeout } from "../policies/timeout.ts";
import { circuitStates } from "../state/circuit.ts";
import { coordinate, type SharedRecord, viewOf } from "../state/coordinator.ts";
import { enter } from "../state/shared-circuit.ts";
import type { Report, View } from "../state/sync.ts";
import { keepLatest } from "./keep-latest.ts";
import { readRecord } from "./read-record.ts";

export interface IndexedDbStoreOptions {
  /** The database, which belongs to the store alone. Default `ninelives`. */
  readonly database?: string;
}

/** A report on its way to the database. */
interface Sync {
  readonly name: string;
  readonly report: Report;
}

interface News {
  readonly name: string;
  readonly view: View;
}

type Connection = ReturnType<typeof createStore>;

/** Names that a tab remembers, and circuits of one name that hear of its news. */
const mostNames = 1_000;
const mostListeners = 256;
/** Milliseconds after which a name is forgotten that nobody reports on: a week, as in the other homes. */
const forgetAfter = 604_800_000;

/** Structural, so that it compiles for every world: only pages hide. */
interface Page {
  addEventListener?(type: "pagehide", listener: () => void): void;
}

/**
 * A home that all tabs and workers of one origin share.
 *
 * Tabs have one network between them, so any one of them may open a circuit for all. Each change is told to the others
 * by BroadcastChannel at once. Where the database is missing, blocked, full, lost or wiped, a circuit goes on in the tab
 * alone with what it knows, brings that along when the database is back, and nothing fails; limits and leases are not
 * shared meanwhile.
 *
 * @example
 * const circuit = circuitBreaker({ name: "prices", shared: indexedDbStore() });
 */
export function indexedDbStore(options: IndexedDbStoreOptions = {}): SharedStore {
  const database = options.database ?? "ninelives";
  /** What this tab saw last of each record, or made of it alone. */
  const known = new Map<string, SharedRecord>();
  const listeners = new Map<string, Map<string, (view: View) => void>>();
  let opened: Connection | undefined;
  let channel: BroadcastChannel | undefined;
  let leaves = false;
  let swept = false;

  /** Tells all circuits of this tab, save the one whose report it was. */
  function tell({ name, view }: News, reporter?: string): void {
    for (const [replica, listener] of listeners.get(name) ?? []) if (replica !== reporter) listener(view);
  }

  function join(): BroadcastChannel | undefined {
    try {
      const joined: BroadcastChannel & { unref?: () => void } = new BroadcastChannel(database);
      // Under Node a channel that listens would keep the process alive.
      joined.unref?.();
      joined.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
        if (isNews(data)) tell(data);
      });
      if (!leaves) {
        leaves = true;
        // An open channel would keep a page from going back to where it was; the next report joins again.
        (globalThis as Page).addEventListener?.("pagehide", leave);
      }
      return joined;
    } catch {
      // Where there is none, tabs hear of changes when they next report.
      return undefined;
    }
  }

  function leave(): void {
    channel?.close();
    channel = undefined;
  }

  function open(): Connection {
    const connect = createStore(database, "circuits");
    const connection: Connection = (mode, use) =>
      connect(mode, (circuits) => {
        const { db } = circuits.transaction;
        // Who wants to delete the database need not wait for this tab to close.
        db.onversionchange = () => {
          db.close();
          drop(connection);
        };
        return use(circuits);
      });
    return connection;
  }

  /** A connection that failed once is never used again: the next report opens a new one. */
  function drop(connection: Connection): void {
    if (opened === connection) opened = undefined;
  }

  /** Takes note of a record, and tells this tab's circuits when a new epoch began: that is then the news. */
  function learn({ name, report }: Sync, before: SharedRecord | undefined, record: SharedRecord) {
    keepLatest(known, name, record, mostNames);
    if (record.epoch === before?.epoch) return undefined;
    const news: News = { name, view: viewOf(record) };
    tell(news, report.replica);
    return news;
  }

  async function inDatabase(sync: Sync, { signal }: Context): Promise<View> {
    opened ??= open();
    const connection = opened;
    // One that hangs, as Safari's may, is given up too.
    signal.addEventListener("abort", () => drop(connection));
    let before: SharedRecord | undefined;
    let decided: [SharedRecord, View] | undefined;
    try {
      await update<SharedRecord>(
        sync.name,
        (stored) => {
          // Nobody waits for it any more: the tab has decided alone.
          if (signal.aborted) throw signal.reason;
          before = newest(stored, known.get(sync.name));
          decided = coordinate(before, sync.report, Date.now(), "any");
          return decided[0];
        },
        connection,
      );
    } catch (error) {
      if (!isOurs(error)) drop(connection);
      throw error;
    }
    if (before === undefined && !swept) {
      swept = true;
      sweep(connection);
    }
    const [record, view] = decided as [SharedRecord, View];
    const news = learn(sync, before, record);
    if (news !== undefined) channel?.postMessage(news);
    return view;
  }

  const alone = answer<View, Sync>((sync) => {
    const { kind = "circuit" } = sync.report;
    // Each tab would hold the lease, or lease itself the whole limit.
    if (kind !== "circuit") throw new Error(`tabs share no ${kind} without their database`);
    const before = known.get(sync.name);
    const [record, view] = coordinate(before, sync.report, Date.now(), "any");
    learn(sync, before, record);
    return view;
  });
  // After three failures in a row it is spared for a while.
  const lasting = circuitBreaker({ name: "indexedDbStore", consecutiveFailures: 3, openFor: "10s" });
  const policy: Policy<Sync, View> = compose(
    environment({ classify }),
    orElse(compose(lasting, timeout("2s")), alone),
  );
  const sync = policy.wrap(inDatabase);

  return sharedBy({
    sync(name, report, onNews) {
      const heard = listeners.get(name) ?? new Map<string, (view: View) => void>();
      keepLatest(heard, report.replica, onNews, mostListeners);
      keepLatest(listeners, name, heard, mostNames);
      channel ??= join();
      return sync({ name, report });
    },
  });
}

/** Forgets the names that nobody reported on for long; once a tab, when it adds one, so that the database does not grow. */
function sweep(connection: Connection): void {
  const swept = connection("readwrite", (circuits) => {
    const reading = circuits.openCursor();
    reading.onsuccess = () => {
      const { result: cursor } = reading;
      if (cursor === null) return;
      if (Object(cursor.value).clock < Date.now() - forgetAfter) cursor.delete();
      cursor.continue();
    };
  });
  // The next tab tries again.
  swept.catch(() => {});
}

/**
 * The record to go on with: of a circuit, a database that was wiped or out of reach for long knows less than this tab, but
 * others may know more. So an epoch begins that is none of theirs, by the time. Who holds a lease, or a part of a limit, only the
 * database knows.
 */
function newest(stored: unknown, own: SharedRecord | undefined): SharedRecord | undefined {
  const record = readRecord(stored);
  return own?.kind === "circuit" && own.epoch > (record?.epoch ?? 0)
    ? enter({ ...own, epoch: own.epoch + (Date.now() % 1e6) })
    : record;
}

/** A report that the record refuses (a name of two kinds, say): the database, whose errors are no TypeErrors, is well. */
function isOurs(error: unknown): boolean {
  return error instanceof TypeError;
}

const classify: Classify = (outcome) =>
  "error" in outcome && isOurs(outcome.error)
    ? { kind: "ignored", retryable: false }
    : classifyThrown(outcome);

/** Tabs of another version, and whoever else uses the channel, may say anything. */
function isNews(data: unknown): data is News {
  const { name, view } = Object(data) as Partial<News>;
  const { kind = "circuit", epoch, nextSync, remaining, openFor, state, held } = Object(view);
  return (
    typeof name === "string" &&
    Number.isSafeInteger(epoch) &&
    [epoch, nextSync, remaining].every(isDuration) &&
    // Nobody heeds news of a limit.
    (kind === "lease"
      ? typeof held === "boolean"
      : kind === "circuit" && isDuration(openFor) && circuitStates.includes(state))
  );
}

function isDuration(value: unknown): boolean {
  return Number.isFinite(value) && (value as number) >= 0;
}
