/**
 * Decides when a call may go. Every algorithm is one, and a distributed limiter too, that hands out what it has leased.
 *
 * Time comes in as milliseconds on a clock that never goes back.
 */
export interface RateLimiter {
  /**
   * Takes a permit, if it comes within `patience` milliseconds.
   *
   * @returns milliseconds until the call may go: 0 for at once. When it is more than `patience`, nothing was taken.
   */
  take(now: number, patience: number): number;
  /** Gives back a permit that was taken for later and will not be used. */
  giveBack(now: number): void;
  /** Calls that could go at once now. */
  available(now: number): number;
  /** Changes the rate; what has been taken stays taken. */
  adjust(rate: Rate, now: number): void;
  snapshot(now: number): RateLimiterSnapshot;
  restore(snapshot: RateLimiterSnapshot, now: number): void;
}

/** So many calls in so many milliseconds, and so many of them at once. */
export interface Rate {
  readonly limit: number;
  readonly per: number;
  readonly burst: number;
}

/** Plain JSON: permits that could be used at once; below 0 for those taken in advance. */
export interface RateLimiterSnapshot {
  readonly available: number;
}

/**
 * Token bucket: holds up to `burst` tokens and gains `limit` of them in each `per`.
 *
 * Filled lazily from the time that passed, so that it needs no timer.
 */
export class TokenBucket implements RateLimiter {
  #rate: Rate;
  #tokens: number;
  #filledAt = -Infinity;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#tokens = rate.burst;
  }

  take(now: number, patience: number): number {
    this.#fill(now);
    const { limit, per } = this.#rate;
    const wait = this.#tokens >= 1 ? 0 : ((1 - this.#tokens) * per) / limit;
    if (wait <= patience) this.#tokens--;
    return wait;
  }

  giveBack(now: number): void {
    this.#fill(now);
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + 1);
  }

  available(now: number): number {
    this.#fill(now);
    return Math.max(0, Math.floor(this.#tokens));
  }

  adjust(rate: Rate, now: number): void {
    this.#fill(now);
    this.#rate = rate;
    this.#tokens = Math.min(this.#tokens, rate.burst);
  }

  snapshot(now: number): RateLimiterSnapshot {
    this.#fill(now);
    return { available: this.#tokens };
  }

  restore(snapshot: RateLimiterSnapshot, now: number): void {
    this.#filledAt = now;
    this.#tokens = Math.min(this.#rate.burst, snapshot.available);
  }

  #fill(now: number): void {
    const passed = now - this.#filledAt;
    this.#filledAt = now;
    if (passed <= 0) return;
    const { limit, per, burst } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + (passed * limit) / per);
  }
}

/**
 * The generic cell rate algorithm: a token bucket that keeps one number, the time at which the next call would be on
 * schedule.
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
    const due = Math.max(this.#theoretical, now);
    const wait = Math.max(0, due - this.#tolerance - now);
    if (wait <= patience) this.#theoretical = due + this.#interval;
    return wait;
  }

  giveBack(): void {
    this.#theoretical -= this.#interval;
  }

  available(now: number): number {
    const due = Math.max(this.#theoretical, now);
    return Math.max(0, Math.floor((now + this.#tolerance - due) / this.#interval + 1));
  }

  adjust(rate: Rate): void {
    this.#rate = rate;
  }

  snapshot(now: number): RateLimiterSnapshot {
    const due = Math.max(this.#theoretical, now);
    return { available: (now + this.#tolerance - due) / this.#interval + 1 };
  }

  restore(snapshot: RateLimiterSnapshot, now: number): void {
    this.#theoretical = now + this.#tolerance - (snapshot.available - 1) * this.#interval;
  }

  /** Milliseconds between calls on schedule. */
  get #interval(): number {
    return this.#rate.per / this.#rate.limit;
  }

  /** How far ahead of the schedule calls may be. */
  get #tolerance(): number {
    return this.#interval * (this.#rate.burst - 1);
  }
}

/**
 * Sliding window, exact: remembers when each of the last `limit` calls went, and lets one go when the oldest of them is
 * `per` ago. It takes 8 bytes a call of the limit.
 */
export class SlidingLog implements RateLimiter {
  #rate: Rate;
  #times: Float64Array;
  #next = 0;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#times = new Float64Array(rate.limit).fill(-Infinity);
  }

  take(now: number, patience: number): number {
    const at = Math.max(now, (this.#times[this.#next] as number) + this.#rate.per);
    if (at - now > patience) return at - now;
    this.#times[this.#next] = at;
    this.#next = (this.#next + 1) % this.#times.length;
    return at - now;
  }

  giveBack(): void {
    // The newest reservation goes: those that wait before it keep their times.
    this.#next = (this.#next + this.#times.length - 1) % this.#times.length;
    this.#times[this.#next] = -Infinity;
  }

  available(now: number): number {
    return this.#times.filter((time) => time + this.#rate.per <= now).length;
  }

  adjust(rate: Rate, now: number): void {
    const kept = this.#oldestFirst()
      .filter((time) => time + rate.per > now)
      .slice(-rate.limit);
    this.#rate = rate;
    this.#times = new Float64Array(rate.limit).fill(-Infinity);
    this.#times.set(kept);
    this.#next = kept.length % rate.limit;
  }

  snapshot(now: number): RateLimiterSnapshot {
    return { available: this.available(now) };
  }

  restore(snapshot: RateLimiterSnapshot, now: number): void {
    this.#times.fill(-Infinity);
    const used = Math.max(0, this.#rate.limit - snapshot.available);
    this.#times.fill(now, 0, used);
    this.#next = used % this.#times.length;
  }

  #oldestFirst(): number[] {
    return [...this.#times.subarray(this.#next), ...this.#times.subarray(0, this.#next)];
  }
}

/**
 * Sliding window, by two counters: this window's calls, and the share of the last window's that is still in sight, as if
 * they had been spread evenly. Two numbers whatever the limit.
 */
export class SlidingCounter implements RateLimiter {
  #rate: Rate;
  #window = -Infinity;
  #before = 0;
  #current = 0;

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  take(now: number, patience: number): number {
    this.#turn(now);
    const wait = this.#wait(now);
    if (wait <= patience) this.#current++;
    return wait;
  }

  giveBack(now: number): void {
    this.#turn(now);
    this.#current = Math.max(0, this.#current - 1);
  }

  available(now: number): number {
    this.#turn(now);
    return Math.max(0, Math.floor(this.#rate.limit - this.#seen(now)));
  }

  adjust(rate: Rate, now: number): void {
    this.#turn(now);
    const share = rate.per / this.#rate.per;
    this.#rate = rate;
    this.#before *= share;
    this.#window = Math.floor(now / rate.per);
  }

  snapshot(now: number): RateLimiterSnapshot {
    this.#turn(now);
    return { available: this.#rate.limit - this.#seen(now) };
  }

  restore(snapshot: RateLimiterSnapshot, now: number): void {
    this.#window = Math.floor(now / this.#rate.per);
    this.#before = 0;
    this.#current = Math.max(0, this.#rate.limit - snapshot.available);
  }

  #turn(now: number): void {
    const window = Math.floor(now / this.#rate.per);
    if (window === this.#window) return;
    // What was taken in advance beyond a window's limit belongs to the windows after it.
    const { limit } = this.#rate;
    const ahead = Math.max(0, this.#current - limit * Math.max(1, window - this.#window));
    this.#before = window === this.#window + 1 ? Math.min(this.#current, limit) : 0;
    this.#current = Number.isFinite(this.#window) ? ahead : 0;
    this.#window = window;
  }

  /** The share of the window before that is still in sight, 1 at the beginning of this one. */
  #share(now: number): number {
    return 1 - (now / this.#rate.per - this.#window);
  }

  #seen(now: number): number {
    return this.#before * this.#share(now) + this.#current;
  }

  #wait(now: number): number {
    const { limit, per } = this.#rate;
    const over = this.#seen(now) + 1 - limit;
    if (over <= 0) return 0;
    const left = this.#share(now) * per;
    // Within this window the one before goes out of sight by and by; else its own calls must do so in the next.
    if (this.#current + 1 <= limit) return (over / this.#before) * per;
    return left + ((this.#current + 1 - limit) / Math.max(1, Math.min(this.#current, limit))) * per;
  }
}
