import { type Rate, type RateLimiter, type RateLimiterSnapshot, rounding } from "./rate-limiter.ts";

/**
 * Sliding window, exact: remembers when the calls of the last `per` went, and lets one go when fewer than `limit` of them
 * are left in sight.
 *
 * Never more than `limit` calls go in any `per`, for 8 bytes each.
 */
export class SlidingLog implements RateLimiter {
  #rate: Rate;
  /** When calls went and, of those that wait, when they will; ascending. Those before `#first` are forgotten. */
  #times: number[] = [];
  #first = 0;

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  take(now: number, patience: number): number {
    const at = this.#next(now);
    const wait = at - now <= rounding ? 0 : at - now;
    if (wait <= patience) this.#times.push(at);
    return wait;
  }

  giveBack(): void {
    this.#times.pop();
  }

  available(now: number): number {
    return Math.max(0, this.#rate.limit - this.#count(now));
  }

  adjust(rate: Rate): void {
    this.#rate = rate;
  }

  snapshot(now: number): RateLimiterSnapshot {
    return { used: this.#count(now) };
  }

  restore({ used }: RateLimiterSnapshot, now: number): void {
    this.#first = 0;
    this.#times = new Array<number>(Math.ceil(used)).fill(now);
  }

  #next(now: number): number {
    const { limit, per } = this.#rate;
    const full = this.#count(now) >= limit;
    const times = this.#times;
    const free = full ? (times[times.length - limit] as number) + per : now;
    // A rate that was raised meanwhile lets nobody overtake those that wait.
    return Math.max(now, free, times.at(-1) ?? now);
  }

  /** The calls in sight, once those out of sight are forgotten. */
  #count(now: number): number {
    const times = this.#times;
    const old = now - this.#rate.per + rounding;
    while (this.#first < times.length && (times[this.#first] as number) <= old) this.#first++;
    if (this.#first * 2 > times.length) {
      times.splice(0, this.#first);
      this.#first = 0;
    }
    return times.length - this.#first;
  }
}
