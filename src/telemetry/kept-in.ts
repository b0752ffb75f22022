import type { PolicyEvent } from "../core/events.ts";
import { batchVersion, readBatch } from "./batch-format.ts";

/** Where events wait that a page could not send before it was hidden. */
export interface EventShelf {
  /** Takes the events that wait, so that nobody else sends them. */
  take(): readonly PolicyEvent[];
  /** Puts events beside those that wait. @returns how many it did not keep, of these or of those */
  put(events: readonly PolicyEvent[]): number;
}

/** The part of `localStorage` that matters here. */
export interface TextStorage {
  getItem(key: string): string | null;
  setItem(key: string, text: string): void;
  removeItem(key: string): void;
}

/** More than these are too old to matter, and a storage is small. */
const mostKept = 1_000;
const envelope = { version: batchVersion, source: { id: "kept", kind: "page" }, sentAt: 0 };

/**
 * Keeps events over a reload in what keeps texts, such as `localStorage`: for the next page of the origin to send.
 *
 * The last thousand stay. A storage that is full or forbidden keeps no more than it has, and no call suffers: the sink counts
 * what is lost.
 *
 * @param key the storage's key. Default `ninelives.events`
 * @example
 * const sink = batch({ deliver, source: "page", shelf: keptIn(localStorage) });
 */
export function keptIn(storage: TextStorage, key = "ninelives.events"): EventShelf {
  function read(): readonly PolicyEvent[] {
    try {
      const events: unknown = JSON.parse(storage.getItem(key) ?? "[]");
      return readBatch({ ...envelope, events }).batch.events;
    } catch {
      return [];
    }
  }
  return {
    take() {
      const events = read();
      try {
        storage.removeItem(key);
      } catch {
        // What cannot be removed would be sent twice.
        return [];
      }
      return events;
    },
    put(events) {
      const all = [...read(), ...events];
      const kept = all.slice(-mostKept);
      try {
        storage.setItem(key, JSON.stringify(kept));
      } catch {
        // Full, or not allowed here: what it had it has.
        return events.length;
      }
      return all.length - kept.length;
    },
  };
}
