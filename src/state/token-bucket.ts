import {
  carriedOver,
  type Rate,
  type RateLimiter,
  type RateLimiterSnapshot,
  rounding,
} from "./rate-limiter.ts";

/**
 * Token bucket: holds up to `burst` tokens and gains `limit` of them in each `per`.
 *
 * At most `burst + limit` calls go in any `per`. Filled lazily from the time that passed, so that it needs no timer.
 */
export class TokenBucket implements RateLimiter {
  #rate: Rate;
  /** Below 0 for tokens that were taken in advance. */
  #tokens: number;
  #filledAt = -Infinity;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#tokens = rate.burst;
  }

  take(now: number, patience: number): number {
    this.#fill(now);
    const missing = 1 - this.#tokens;
    const wait = missing <= rounding ? 0 : (missing * this.#rate.per) / this.#rate.limit;
    if (wait <= patience) this.#tokens--;
    return wait;
  }

  giveBack(now: number): void {
    this.#fill(now);
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + 1);
  }

  available(now: number): number {
    this.#fill(now);
    return Math.max(0, Math.floor(this.#tokens + rounding));
  }

  adjust(rate: Rate, now: number): void {
    this.#fill(now);
    this.#tokens = carriedOver(this.#tokens, this.#rate, rate);
    this.#rate = rate;
  }

  snapshot(now: number): RateLimiterSnapshot {
    this.#fill(now);
    return { used: this.#rate.burst - this.#tokens };
  }

  restore({ used }: RateLimiterSnapshot, now: number): void {
    this.#filledAt = now;
    this.#tokens = this.#rate.burst - used;
  }

  #fill(now: number): void {
    const passed = now - this.#filledAt;
    if (passed <= 0) return;
    this.#filledAt = now;
    const { limit, per, burst } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + (passed * limit) / per);
  }
}
