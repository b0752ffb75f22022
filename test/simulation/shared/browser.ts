import type { VirtualTime } from "../virtual-time.ts";
import type { Draw } from "./scenario.ts";

/** What happens to the one database of all tabs. Values are records, which nobody changes, and need no copies. */
export interface Disk {
  /** Opening and transactions hang. */
  hangs(): boolean;
  /** It is full: nothing can be written. */
  full(): boolean;
  /** Reads what is kept; writes it. */
  read(name: string): unknown;
  write(tab: number, name: string, value: unknown): void;
}

type Listener = (() => void) | null;

interface Request {
  result: unknown;
  error: unknown;
  onsuccess: Listener;
  onerror: Listener;
  onupgradeneeded: Listener;
}

/** The tab to which a database's name belongs: to tell tabs apart, each has its own name for the one that they share. */
export const nameFor = (tab: number): string => `shop#${tab}`;
const tabOf = (name: string): number => Number(name.split("#")[1]);

/** As much of IndexedDB as `idb-keyval` uses: transactions that write come one after the other. */
export function indexedDatabase(time: VirtualTime, draw: Draw, disk: Disk): { open(name: string): Request } {
  let freeAt = 0;
  const request = (): Request => ({
    result: undefined,
    error: undefined,
    onsuccess: null,
    onerror: null,
    onupgradeneeded: null,
  });

  function transaction(tab: number, db: object) {
    const done = { oncomplete: null as Listener, onabort: null as Listener, error: undefined as unknown, db };
    const puts: (() => void)[] = [];
    const store = {
      transaction: done,
      put: (value: unknown, name: string) => void puts.push(() => disk.write(tab, name, value)),
      /** What is kept is young: there is nothing to sweep away. */
      openCursor(): Request {
        const asked = { ...request(), result: null };
        if (!disk.hangs()) time.after(draw.between(0.1, 3), () => asked.onsuccess?.());
        return asked;
      },
      get(name: string): Request {
        const asked = request();
        if (disk.hangs()) return asked;
        const at = Math.max(time.now, freeAt) + draw.between(0.1, 3);
        freeAt = at;
        time.after(at - time.now, () => {
          asked.result = disk.read(name);
          asked.onsuccess?.call(asked as never);
          if (disk.full() && puts.length > 0) {
            done.error = new Error("QuotaExceededError");
            done.onabort?.();
            return;
          }
          for (const put of puts) put();
          time.after(draw.between(0, 1), () => done.oncomplete?.());
        });
        return asked;
      },
    };
    return { objectStore: () => store };
  }

  return {
    open(name) {
      const asked = request();
      const tab = tabOf(name);
      const db = { close: () => {}, transaction: () => transaction(tab, db) };
      if (disk.hangs()) return asked;
      time.after(draw.between(1, 10), () => {
        asked.result = db;
        asked.onsuccess?.();
      });
      return asked;
    },
  };
}

/** Channels of one name, late and out of order where tabs are in the background. */
export function broadcastChannels(time: VirtualTime, draw: Draw, late: number) {
  const open = new Set<{ hear(data: unknown): void }>();
  return class {
    readonly #listeners: ((event: { readonly data: unknown }) => void)[] = [];

    constructor() {
      open.add(this);
    }

    addEventListener(_: "message", listener: (event: { readonly data: unknown }) => void): void {
      this.#listeners.push(listener);
    }

    postMessage(data: unknown): void {
      for (const other of open) {
        if (other === this) continue;
        const delay = draw.chance(late) ? draw.between(1_000, 20_000) : draw.between(0, 20);
        time.after(delay, () => open.has(other) && other.hear(data));
      }
    }

    hear(data: unknown): void {
      for (const listener of this.#listeners) listener({ data });
    }

    close(): void {
      open.delete(this);
    }
  };
}
