import type { TimeSource } from "./time-source.ts";

/** Where one call falls in a window: 0 a success, +1 a failure, +2 slow. */
export type Mark = 0 | 1 | 2 | 3;

export const failed = 1;
export const slow = 2;
export const failedSlowly = 3;

/** How the last calls ended, so that a rate can be told. */
export interface Window {
  readonly calls: number;
  readonly failures: number;
  readonly slowCalls: number;
  record(mark: Mark, time: TimeSource): void;
  /** Drops what has become too old to tell anything. */
  age(time: TimeSource): void;
  clear(): void;
  snapshot(): WindowSnapshot;
  restore(snapshot: WindowSnapshot, time: TimeSource): void;
}

/** Plain JSON. What does not fit the window that restores it is dropped. */
export interface WindowSnapshot {
  readonly calls: number;
  readonly failures: number;
  readonly slowCalls: number;
}

/** Milliseconds after which a count window without failure or full turn is forgotten: it tells of another time. */
const forgottenAfter = 120_000;

/** The last `size` calls. */
export class CountWindow implements Window {
  calls = 0;
  failures = 0;
  slowCalls = 0;
  readonly #marks: Uint8Array;
  #next = 0;
  /** When the last failure was recorded, or the ring last came round. */
  #seen = -Infinity;

  constructor(size: number) {
    this.#marks = new Uint8Array(size);
  }

  record(mark: Mark, time: TimeSource): void {
    // A success costs no clock reading, save one in every turn of the ring.
    if (mark !== 0) {
      this.age(time);
      this.#seen = time.now();
    }
    const marks = this.#marks;
    if (this.calls === marks.length) this.#count(marks[this.#next] as Mark, -1);
    marks[this.#next] = mark;
    this.#count(mark, 1);
    if (++this.#next === marks.length) {
      this.#next = 0;
      this.#seen = time.now();
    }
  }

  age(time: TimeSource): void {
    if (this.#seen !== -Infinity && time.now() - this.#seen > forgottenAfter) this.clear();
  }

  clear(): void {
    this.calls = 0;
    this.failures = 0;
    this.slowCalls = 0;
    this.#next = 0;
    this.#seen = -Infinity;
  }

  snapshot(): WindowSnapshot {
    return { calls: this.calls, failures: this.failures, slowCalls: this.slowCalls };
  }

  restore(snapshot: WindowSnapshot, time: TimeSource): void {
    this.clear();
    const share = Math.min(1, this.#marks.length / Math.max(1, snapshot.calls));
    const calls = Math.round(snapshot.calls * share);
    const failures = Math.round(snapshot.failures * share);
    const slowCalls = Math.round(snapshot.slowCalls * share);
    // Which call was which is not kept: the failures stand last, so that they leave the window last.
    for (let call = 1; call <= calls; call++) {
      const mark = (call > calls - failures ? failed : 0) | (call > calls - slowCalls ? slow : 0);
      this.record(mark as Mark, time);
    }
  }

  #count(mark: Mark, by: 1 | -1): void {
    this.calls += by;
    this.failures += by * (mark & failed);
    this.slowCalls += by * ((mark & slow) >> 1);
  }
}

const slices = 10;

/** The calls of the last `span` milliseconds, in ten slices: it forgets a tenth at a time. */
export class TimeWindow implements Window {
  calls = 0;
  failures = 0;
  slowCalls = 0;
  readonly #width: number;
  readonly #slices = Array.from({ length: slices }, () => ({ calls: 0, failures: 0, slowCalls: 0 }));
  /** The number of the newest slice, counted from the clock's origin. */
  #newest = -1;

  constructor(span: number) {
    this.#width = span / slices;
  }

  record(mark: Mark, time: TimeSource): void {
    this.age(time);
    this.#add(this.#slice(this.#newest), mark & failed, mark >> 1, 1);
  }

  age(time: TimeSource): void {
    const newest = Math.floor(time.now() / this.#width);
    const stale = Math.min(newest - this.#newest, slices);
    for (let old = 0; old < stale; old++) {
      const slice = this.#slice(newest - old);
      this.#add(slice, -slice.failures, -slice.slowCalls, -slice.calls);
    }
    if (newest > this.#newest) this.#newest = newest;
  }

  clear(): void {
    for (const slice of this.#slices) this.#add(slice, -slice.failures, -slice.slowCalls, -slice.calls);
  }

  snapshot(): WindowSnapshot {
    return { calls: this.calls, failures: this.failures, slowCalls: this.slowCalls };
  }

  restore(snapshot: WindowSnapshot, time: TimeSource): void {
    this.clear();
    this.age(time);
    this.#add(this.#slice(this.#newest), snapshot.failures, snapshot.slowCalls, snapshot.calls);
  }

  #slice(number: number): { calls: number; failures: number; slowCalls: number } {
    return this.#slices[((number % slices) + slices) % slices] as {
      calls: number;
      failures: number;
      slowCalls: number;
    };
  }

  #add(
    slice: { calls: number; failures: number; slowCalls: number },
    failures: number,
    slowCalls: number,
    calls: number,
  ): void {
    slice.calls += calls;
    slice.failures += failures;
    slice.slowCalls += slowCalls;
    this.calls += calls;
    this.failures += failures;
    this.slowCalls += slowCalls;
  }
}
