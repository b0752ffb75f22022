import { whole } from "../core/check.ts";
import type { EventSink, PolicyEvent } from "../core/events.ts";

/** Sends each event to all of the sinks, also to those behind one that throws. */
export function multicast(...sinks: readonly EventSink[]): EventSink {
  return {
    emit(event) {
      for (const sink of sinks) {
        try {
          sink.emit(event);
        } catch {
          // It breaks its own promise; the others must not pay for it.
        }
      }
    },
  };
}

/** Takes events and does nothing with them. With it in an environment events are made all the same: leave it out to save that. */
export const nullSink: EventSink = { emit() {} };

/** A sink that keeps the last events. */
export interface MemorySink extends EventSink {
  /** Oldest first. */
  readonly events: readonly PolicyEvent[];
  /** Events that had to make room for newer ones. */
  readonly dropped: number;
}

/**
 * Keeps the last events in a ring.
 *
 * @param capacity how many. Default 1000
 */
export function memorySink(capacity = 1000): MemorySink {
  whole(capacity, "memorySink: capacity");
  const ring: PolicyEvent[] = [];
  let next = 0;
  let dropped = 0;
  return {
    get events() {
      return [...ring.slice(next), ...ring.slice(0, next)];
    },
    get dropped() {
      return dropped;
    },
    emit(event) {
      if (ring.length === capacity) dropped++;
      ring[next] = event;
      next = (next + 1) % capacity;
    },
  };
}

/** Writes each event to the console, one line of JSON each. */
export function consoleSink(write: (line: string) => void = console.log): EventSink {
  return { emit: (event) => write(JSON.stringify(event)) };
}
