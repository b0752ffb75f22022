import {
  carriedOver,
  type Rate,
  type RateLimiter,
  type RateLimiterSnapshot,
  rounding,
} from "./rate-limiter.ts";

/**
 * The generic cell rate algorithm: decides as a token bucket does, but keeps one number, the time at which the calls so
 * far would have been on schedule. The form for a store that can compare and set one value.
 *
 * At most `burst + limit` calls go in any `per`.
 *
 * Source: ITU-T I.371, annex A (virtual scheduling).
 */
export class Gcra implements RateLimiter {
  #rate: Rate;
  #theoretical = -Infinity;

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  take(now: number, patience: number): number {
    const interval = this.#interval;
    const due = Math.max(this.#theoretical, now);
    const ahead = due - interval * (this.#rate.burst - 1) - now;
    const wait = ahead <= interval * rounding ? 0 : ahead;
    if (wait <= patience) this.#theoretical = due + interval;
    return wait;
  }

  giveBack(): void {
    this.#theoretical -= this.#interval;
  }

  available(now: number): number {
    return Math.max(0, Math.floor(this.#left(now) + rounding));
  }

  adjust(rate: Rate, now: number): void {
    const left = carriedOver(this.#left(now), this.#rate, rate);
    this.#rate = rate;
    this.restore({ used: rate.burst - left }, now);
  }

  snapshot(now: number): RateLimiterSnapshot {
    return { used: this.#rate.burst - this.#left(now) };
  }

  restore({ used }: RateLimiterSnapshot, now: number): void {
    this.#theoretical = now + used * this.#interval;
  }

  /** Milliseconds between calls on schedule. */
  get #interval(): number {
    return this.#rate.per / this.#rate.limit;
  }

  /** Permits left, below 0 for those taken in advance. */
  #left(now: number): number {
    return this.#rate.burst - Math.max(0, this.#theoretical - now) / this.#interval;
  }
}
