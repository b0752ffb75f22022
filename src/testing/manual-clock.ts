import type { Clock, TimerHandle } from "../core/clock.ts";

interface Timer {
  readonly at: number;
  readonly callback: () => void;
  keepsAlive: boolean;
}

export interface ManualClockOptions {
  /** What `wall()` says at the start, in milliseconds since 1970. Default 2026-01-01T00:00:00Z. */
  readonly wall?: number;
  /** Whether calls may share a timer, as they may not on Cloudflare Workers. Default true. */
  readonly sharesTimers?: boolean;
}

/**
 * A clock that stands still until the test advances it.
 *
 * @example
 * const clock = new ManualClock();
 * const policy = compose(environment({ clock }), timeout("1s"));
 * const call = policy.execute(never);
 * await clock.advance(1000); // the call is rejected now
 */
export class ManualClock implements Clock {
  #now = 0;
  #wall: number;
  readonly #sharesTimers: boolean;
  readonly #timers = new Set<Timer>();

  constructor(options: ManualClockOptions = {}) {
    this.#wall = options.wall ?? Date.UTC(2026, 0, 1);
    this.#sharesTimers = options.sharesTimers ?? true;
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#wall;
  }

  sharesTimers(): boolean {
    return this.#sharesTimers;
  }

  setTimer(callback: () => void, ms: number): TimerHandle {
    const timer: Timer = { at: this.#now + Math.max(0, ms), callback, keepsAlive: true };
    this.#timers.add(timer);
    return timer;
  }

  clearTimer(handle: TimerHandle): void {
    this.#timers.delete(handle as Timer);
  }

  keepAlive(handle: TimerHandle, wanted: boolean): void {
    (handle as Timer).keepsAlive = wanted;
  }

  /** Timers that somebody waits for: 0 after every call has settled. */
  get pending(): number {
    return [...this.#timers].filter((timer) => timer.keepsAlive).length;
  }

  /**
   * Moves time forward. Timers fire in order, each at its time, and the promises that it settles run before the next
   * one fires.
   */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settled();
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#pass(next.at - this.#now);
      this.#timers.delete(next);
      next.callback();
      await settled();
    }
    this.#pass(until - this.#now);
    await settled();
  }

  /** Moves the wall clock alone, as a user or a time server does. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  #pass(ms: number): void {
    this.#now += ms;
    this.#wall += ms;
  }

  #next(until: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at <= until && (first === undefined || timer.at < first.at)) first = timer;
    }
    return first;
  }
}

/** Lets the promises run that can. Chains of policies are some tens of steps deep. */
async function settled(): Promise<void> {
  for (let step = 0; step < 100; step++) await undefined;
}
