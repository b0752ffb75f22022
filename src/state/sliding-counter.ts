import { type Rate, type RateLimiter, type RateLimiterSnapshot, rounding } from "./rate-limiter.ts";

/**
 * Sliding window, by two counters: this window's calls, and of the window before the share that is still in sight, as if
 * its calls had been spread evenly. Two numbers whatever the limit.
 *
 * Never more than `limit` calls go in one of its windows, and fewer than twice that in any `per`: calls that all went at
 * the end of a window are taken for spread.
 */
export class SlidingCounter implements RateLimiter {
  #rate: Rate;
  #begins = -Infinity;
  #before = 0;
  /** Calls of this window and, of those that wait, of the windows to come. */
  #counts = [0];

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  take(now: number, patience: number): number {
    this.#turn(now);
    const { limit, per } = this.#rate;
    let before = this.#before;
    for (let window = 0; ; window++) {
      const begins = this.#begins + window * per;
      const count = this.#counts[window] ?? 0;
      const room = limit - 1 - count;
      if (room >= 0) {
        // The share of the window before that may still be in sight when one more goes.
        const share = before <= room ? 1 : room / before;
        const at = Math.max(now, begins + per * (1 - share));
        if (at < begins + per) return this.#promise(at - now, window, patience);
      }
      before = count;
    }
  }

  #promise(ahead: number, window: number, patience: number): number {
    const wait = ahead <= rounding ? 0 : ahead;
    if (wait > patience) return wait;
    while (this.#counts.length <= window) this.#counts.push(0);
    (this.#counts[window] as number)++;
    return wait;
  }

  giveBack(): void {
    const counts = this.#counts;
    // The last call is in the last window that holds any.
    while (counts.length > 1 && counts.at(-1) === 0) counts.pop();
    counts.push(Math.max(0, (counts.pop() as number) - 1));
  }

  available(now: number): number {
    return Math.max(0, Math.floor(this.#rate.limit - this.#seen(now) + rounding));
  }

  adjust(rate: Rate, now: number): void {
    this.#turn(now);
    // As far into the new window as it was into the old one.
    this.#begins = now - ((now - this.#begins) * rate.per) / this.#rate.per;
    this.#rate = rate;
  }

  snapshot(now: number): RateLimiterSnapshot {
    return { used: this.#seen(now) };
  }

  restore({ used }: RateLimiterSnapshot, now: number): void {
    this.#begins = now;
    this.#before = 0;
    this.#counts = [used];
  }

  /** The calls in sight and those that wait. */
  #seen(now: number): number {
    this.#turn(now);
    const left = 1 - Math.max(0, now - this.#begins) / this.#rate.per;
    return this.#counts.reduce((sum, count) => sum + count, this.#before * left);
  }

  #turn(now: number): void {
    const passed = Math.floor((now - this.#begins) / this.#rate.per);
    if (passed <= 0) return;
    if (passed > this.#counts.length) {
      // Nobody called for a whole window: a new one begins with this call.
      this.#begins = now;
      this.#before = 0;
      this.#counts = [0];
      return;
    }
    this.#begins += passed * this.#rate.per;
    for (let window = 0; window < passed; window++) this.#before = this.#counts.shift() as number;
    if (this.#counts.length === 0) this.#counts.push(0);
  }
}
