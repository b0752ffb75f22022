import { known, whole } from "../core/check.ts";
import type { EventSink, PolicyEvent } from "../core/events.ts";

export interface StreamSinkOptions {
  /** Events that wait for each reader; when it is slow, the oldest are dropped and counted. Default 1000. */
  readonly capacity?: number;
}

/** A sink whose events can be read as they come, by as many as like. */
export interface StreamSink extends EventSink, AsyncIterable<PolicyEvent> {
  /** Events that slow readers missed, all together. */
  readonly dropped: number;
  /** Calls `listener` with each event from now on, at once, until the function that it returns is called. */
  subscribe(listener: (event: PolicyEvent) => void): () => void;
  /** Begins to read: events from now on, until the reader returns. */
  [Symbol.asyncIterator](): EventReader;
}

export interface EventReader extends AsyncIterableIterator<PolicyEvent, undefined> {
  /** Events that this reader missed because it was slow. */
  readonly dropped: number;
  return(): Promise<IteratorResult<PolicyEvent, undefined>>;
}

/**
 * Hands events on as they come: to callbacks at once, to `for await` as fast as it reads.
 *
 * @example
 * const events = streamSink();
 * for await (const event of events) if (event.type === "circuit.opened") notify(event);
 */
export function streamSink(options: StreamSinkOptions = {}): StreamSink {
  known(options, "streamSink", ["capacity"]);
  const capacity = whole(options.capacity ?? 1000, "streamSink: capacity");
  const listeners = new Set<(event: PolicyEvent) => void>();
  let dropped = 0;

  function subscribe(listener: (event: PolicyEvent) => void): () => void {
    // One of its own for each subscription, so that a listener may subscribe twice.
    const own = (event: PolicyEvent): void => listener(event);
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  function read(): EventReader {
    const waiting: PolicyEvent[] = [];
    const asking: ((result: IteratorResult<PolicyEvent, undefined>) => void)[] = [];
    let missed = 0;
    let ended = false;
    const unsubscribe = subscribe((event) => {
      const next = asking.shift();
      if (next !== undefined) {
        next({ done: false, value: event });
        return;
      }
      if (waiting.push(event) <= capacity) return;
      waiting.shift();
      missed++;
      dropped++;
    });
    return {
      get dropped() {
        return missed;
      },
      next() {
        const value = waiting.shift();
        if (value !== undefined) return Promise.resolve({ done: false, value });
        if (ended) return Promise.resolve({ done: true, value: undefined });
        return new Promise((resolve) => asking.push(resolve));
      },
      return() {
        ended = true;
        unsubscribe();
        waiting.length = 0;
        for (const resolve of asking.splice(0)) resolve({ done: true, value: undefined });
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  return {
    emit(event) {
      for (const listener of listeners) {
        try {
          listener(event);
        } catch {
          // A listener that throws must not cost the others their event.
        }
      }
    },
    subscribe,
    get dropped() {
      return dropped;
    },
    [Symbol.asyncIterator]: read,
  };
}
