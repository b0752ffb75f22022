import type { TimeSource } from "./time-source.ts";

/** Where one call falls in a window: 0 a success, +1 a failure, +2 slow. */
export type Mark = 0 | 1 | 2 | 3;

export const failed = 1;
export const slow = 2;
export const failedSlowly = 3;

/** Plain JSON. What does not fit the window that restores it is dropped. */
export interface WindowSnapshot {
  readonly calls: number;
  readonly failures: number;
  readonly slowCalls: number;
}

/** So many calls, and how they ended. */
class Tally implements WindowSnapshot {
  calls = 0;
  failures = 0;
  slowCalls = 0;

  add(calls: number, failures: number, slowCalls: number): void {
    this.calls += calls;
    this.failures += failures;
    this.slowCalls += slowCalls;
  }

  clear(): void {
    this.calls = this.failures = this.slowCalls = 0;
  }

  snapshot(): WindowSnapshot {
    return { calls: this.calls, failures: this.failures, slowCalls: this.slowCalls };
  }
}

/** What a window holds: a number of calls, or so many milliseconds. */
export type WindowSize = number | { readonly span: number };

/** How the last calls ended, so that a rate can be told. */
export interface Window extends Tally {
  readonly size: WindowSize;
  record(mark: Mark, time: TimeSource): void;
  /** Drops what has become too old to tell anything. */
  age(time: TimeSource): void;
  restore(snapshot: WindowSnapshot, time: TimeSource): void;
}

/** An empty window of that size. */
export function windowOf(size: WindowSize): Window {
  return typeof size === "number" ? new CountWindow(size) : new TimeWindow(size.span);
}

/**
 * A window of another size that holds what this one holds, as far as it can: the newest calls, or those within the span.
 * Between calls and spans of time only the counts are carried over.
 */
export function resized(window: Window, size: WindowSize, time: TimeSource): Window {
  window.age(time);
  const next = windowOf(size);
  if (window instanceof CountWindow && next instanceof CountWindow) next.take(window);
  else if (window instanceof TimeWindow && next instanceof TimeWindow) next.take(window, time);
  else next.restore(window.snapshot(), time);
  return next;
}

/** Milliseconds after which a count window without failure or full turn is forgotten: it tells of another time. */
const forgottenAfter = 120_000;

/** The last `size` calls. */
export class CountWindow extends Tally implements Window {
  readonly #marks: Uint8Array;
  #next = 0;
  /** When the last failure was recorded, or the ring last came round. */
  #seen = Infinity;

  constructor(size: number) {
    super();
    this.#marks = new Uint8Array(size);
  }

  get size(): number {
    return this.#marks.length;
  }

  /** Takes the newest calls of another one over. */
  take(other: CountWindow): void {
    const { size } = other;
    for (let left = Math.min(other.calls, this.size); left > 0; left--) {
      const mark = other.#marks[(other.#next - left + size) % size] as Mark;
      this.#marks[this.calls++] = mark;
      this.add(0, mark & failed, mark >> 1);
    }
    this.#next = this.calls % this.size;
    this.#seen = other.#seen;
  }

  record(mark: Mark, time: TimeSource): void {
    // A success costs no clock reading, save one in every turn of the ring.
    if (mark !== 0) {
      this.age(time);
      this.#seen = time.now();
    }
    const marks = this.#marks;
    const next = this.#next;
    const last = marks[next] as Mark;
    marks[next] = mark;
    // A success after a success changes nothing but the ring, and that is nearly every call.
    if (this.calls < marks.length) this.calls++;
    else if (last !== 0) this.add(0, -(last & failed), -(last >> 1));
    if (mark !== 0) this.add(0, mark & failed, mark >> 1);
    this.#next = next + 1;
    if (this.#next === marks.length) {
      this.#next = 0;
      this.#seen = time.now();
    }
  }

  age(time: TimeSource): void {
    if (this.#seen !== Infinity && time.now() - this.#seen > forgottenAfter) this.clear();
  }

  override clear(): void {
    super.clear();
    this.#next = 0;
    this.#seen = Infinity;
  }

  restore(snapshot: WindowSnapshot, time: TimeSource): void {
    this.clear();
    const share = Math.min(1, this.#marks.length / Math.max(1, snapshot.calls));
    const calls = Math.round(snapshot.calls * share);
    const failures = Math.round(snapshot.failures * share);
    const slowCalls = Math.round(snapshot.slowCalls * share);
    // Which call was which is not kept: the failures stand last, so that they leave the window last.
    for (let left = calls; left > 0; left--) {
      this.record(((left <= failures ? failed : 0) | (left <= slowCalls ? slow : 0)) as Mark, time);
    }
  }
}

const slices = 10;

/** The calls of the last `span` milliseconds, in ten slices: it forgets a tenth at a time. */
export class TimeWindow extends Tally implements Window {
  readonly #width: number;
  /** By their numbers, counted from the clock's origin. */
  readonly #slices = new Map<number, Tally>();
  #newest = -Infinity;
  #slice = new Tally();

  constructor(span: number) {
    super();
    this.#width = span / slices;
  }

  get size(): WindowSize {
    return { span: this.#width * slices };
  }

  /** Takes over what another one holds that its own span reaches. */
  take(other: TimeWindow, time: TimeSource): void {
    for (const [number, { calls, failures, slowCalls }] of other.#slices) {
      // Nobody knows when within its slice a call ended: it is taken to be the middle.
      const at = Math.min((number + 0.5) * other.#width, time.now());
      this.#record(calls, failures, slowCalls, { now: () => at });
    }
    this.age(time);
  }

  record(mark: Mark, time: TimeSource): void {
    this.#record(1, mark & failed, mark >> 1, time);
  }

  age(time: TimeSource): void {
    const newest = Math.floor(time.now() / this.#width);
    if (newest <= this.#newest) return;
    for (const [number, { calls, failures, slowCalls }] of this.#slices) {
      if (number > newest - slices) break;
      this.add(-calls, -failures, -slowCalls);
      this.#slices.delete(number);
    }
    this.#newest = newest;
    this.#slice = new Tally();
    this.#slices.set(newest, this.#slice);
  }

  override clear(): void {
    super.clear();
    this.#slices.clear();
    this.#newest = -Infinity;
  }

  restore({ calls, failures, slowCalls }: WindowSnapshot, time: TimeSource): void {
    this.clear();
    this.#record(calls, failures, slowCalls, time);
  }

  #record(calls: number, failures: number, slowCalls: number, time: TimeSource): void {
    this.age(time);
    this.#slice.add(calls, failures, slowCalls);
    this.add(calls, failures, slowCalls);
  }
}
