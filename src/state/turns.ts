import { type RateLimiter, rounding } from "./rate-limiter.ts";

/** A time at which a call that waits may go. */
export interface Turn {
  readonly at: number;
  /** Whether it was given back. */
  free: boolean;
}

/**
 * The turns that a rate limiter has promised for later, so that one given back goes to the next call that comes.
 *
 * Those that wait keep their times, and the schedule as a whole stays the one that the limiter made: a turn that is given
 * back makes no burst.
 */
export class Turns {
  readonly limiter: RateLimiter;
  /** The turn that `take` promised last. */
  latest: Turn | undefined;
  /** In the order of their times. */
  readonly #promised: Turn[] = [];

  constructor(limiter: RateLimiter) {
    this.limiter = limiter;
  }

  /**
   * Takes a turn, if it comes within `patience` milliseconds.
   *
   * @param from until when nothing may go
   * @returns milliseconds until the call may go: 0 for at once, and else at `latest`. When it is more than `patience`,
   * nothing was taken.
   */
  take(now: number, patience: number, from: number): number {
    if (this.#promised.length > 0) {
      const free = this.#firstFree(now, from);
      if (free !== undefined) {
        const wait = free.at - now;
        if (wait <= patience) {
          free.free = false;
          this.latest = free;
        }
        return wait;
      }
    }
    const pause = Math.max(0, from - now);
    const left = patience - pause;
    const wait = this.limiter.take(now + pause, left);
    // Either way by a hair, so that what the sums are off by makes no call wait whose turn was not taken.
    if (wait > left) return Math.max(pause + wait, patience + rounding);
    if (pause + wait === 0) return 0;
    this.latest = { at: now + pause + wait, free: false };
    this.#promised.push(this.latest);
    return Math.min(pause + wait, patience);
  }

  /** Gives back a turn that was promised, before its time. */
  giveBack(turn: Turn, now: number): void {
    turn.free = true;
    const promised = this.#promised;
    while (promised.at(-1)?.free) {
      promised.pop();
      this.limiter.giveBack(now);
    }
  }

  /** The first turn to come that was given back, once those of the past are forgotten. */
  #firstFree(now: number, from: number): Turn | undefined {
    const promised = this.#promised;
    while (promised.length > 0 && (promised[0] as Turn).at < now) promised.shift();
    return promised.find(({ free, at }) => free && at >= from);
  }
}
