import type { Clock } from "ninelives";
import { type Event, EventQueue } from "./event-queue.ts";

/** Time for a simulation with thousands of events: they run in order, each with all the promises that it settles. */
export class VirtualTime {
  now = 0;
  readonly #queue = new EventQueue();

  /** Runs something after so many milliseconds. Gives the event, to cancel it. */
  after(ms: number, run: () => void): Event {
    return this.#queue.add(this.now + Math.max(0, ms), run);
  }

  async run(until: number): Promise<void> {
    await settled();
    for (let next = this.#queue.first; next !== undefined && next.at <= until; next = this.#queue.first) {
      this.#queue.remove();
      if (next.run === undefined) continue;
      this.now = next.at;
      next.run();
      await settled();
    }
    this.now = until;
  }

  /** A clock that runs at `rate`, is off by `offset`, and stands still where `frozen` says so. */
  clock({ rate = 1, offset = 0, frozen = (at: number) => at } = {}): Clock {
    const now = () => frozen(this.now) * rate + offset;
    return {
      now,
      wall: () => 1.7e12 + now(),
      // Whole milliseconds, as platforms have it: what is left by rounding would never be over.
      setTimer: (callback, ms) => this.after(Math.ceil(ms / rate), callback),
      clearTimer: (handle) => {
        if (handle !== undefined) (handle as Event).run = undefined;
      },
      keepAlive: () => {},
      sharesTimers: () => true,
    };
  }
}

/** Lets all promises run that can, however long their chains are. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
