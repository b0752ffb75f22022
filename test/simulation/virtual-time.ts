import type { Clock } from "ninelives";

interface Event {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Time for a simulation with thousands of events: they run in order, each with all the promises that it settles. */
export class VirtualTime {
  now = 0;
  #order = 0;
  readonly #heap: Event[] = [];

  /** Runs something after so many milliseconds. Gives the event, to cancel it. */
  after(ms: number, run: () => void): Event {
    const event: Event = { at: this.now + Math.max(0, ms), order: this.#order++, run };
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(event, heap[parent] as Event)) break;
      heap[index] = heap[parent] as Event;
      index = parent;
    }
    heap[index] = event;
    return event;
  }

  async run(until: number): Promise<void> {
    await settled();
    for (let next = this.#heap[0]; next !== undefined && next.at <= until; next = this.#heap[0]) {
      this.#pop();
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

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child++;
      if (!before(heap[child] as Event, last)) break;
      heap[index] = heap[child] as Event;
      index = child;
    }
    heap[index] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Lets the promises run that can. Chains of policies are some tens of steps deep. */
async function settled(): Promise<void> {
  for (let step = 0; step < 50; step++) await undefined;
}
