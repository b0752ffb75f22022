/**
 * Decides when a call may go. Every algorithm is one, and so is a distributed limiter that hands out what it has leased.
 *
 * Time comes in as milliseconds on a clock that never goes back; one that does is taken to stand still.
 */
export interface RateLimiter {
  /**
   * Takes a permit, if it comes within `patience` milliseconds.
   *
   * @returns milliseconds until the call may go: 0 for at once. When it is more than `patience`, nothing was taken.
   */
  take(now: number, patience: number): number;
  /** Takes back the last `take` of a permit for later: its call will not go. */
  giveBack(now: number): void;
  /** Calls that could go at once now. */
  available(now: number): number;
  /** Changes the rate; what has been taken stays taken. */
  adjust(rate: Rate, now: number): void;
  snapshot(now: number): RateLimiterSnapshot;
  /** Begins anew from a snapshot, as if what it counts had been taken now. */
  restore(snapshot: RateLimiterSnapshot, now: number): void;
}

/** So many calls in so many milliseconds, and so many of them at once. */
export interface Rate {
  readonly limit: number;
  readonly per: number;
  readonly burst: number;
}

/** Plain JSON: the permits that are taken and have not come back yet, those taken in advance among them. */
export interface RateLimiterSnapshot {
  readonly used: number;
}

/** What sums of fractions may be off by: a call that comes back exactly when it was told to must find its permit. */
export const rounding = 1e-6;

/** The permits left after a change of rate: what was taken stays taken, but a smaller burst makes no debt. */
export function carriedOver(left: number, from: Rate, to: Rate): number {
  return Math.max(Math.min(left, 0), left + to.burst - from.burst);
}
