import type { ConcurrencyLimit } from "./concurrency-limit.ts";

/** Below it latencies are noise, and some clocks are no finer. */
const shortest = 0.1;
const enough = 10;

/**
 * Hands the calls of a span of time on as one, by their mean latency, so that one slow call is no trend and the long-term
 * average of a busy service is not over in a second.
 *
 * Source: Netflix concurrency-limits, WindowedLimit (1 s, at least 10 calls, none below 100 µs).
 */
export class WindowedLimit implements ConcurrencyLimit {
  readonly #inner: ConcurrencyLimit;
  readonly #rules: { readonly window: number };
  #ends = Infinity;
  #count = 0;
  #sum = 0;
  #running = 0;
  #dropped = false;

  /** @param rules read at each use: `window` in milliseconds, 0 for each call by itself */
  constructor(inner: ConcurrencyLimit, rules: { readonly window: number }) {
    this.#inner = inner;
    this.#rules = rules;
  }

  get limit(): number {
    return this.#inner.limit;
  }

  record(latency: number, running: number, dropped: boolean, now: number): void {
    const { window } = this.#rules;
    if (window === 0) {
      this.#inner.record(latency, running, dropped, now);
      return;
    }
    if (this.#ends === Infinity || this.#ends > now + window) this.#ends = now + window;
    if (running > this.#running) this.#running = running;
    if (dropped) this.#dropped = true;
    else {
      this.#count++;
      this.#sum += Math.max(latency, shortest);
    }
    if (now >= this.#ends && (this.#dropped || this.#count >= enough)) this.#close(now);
  }

  #close(now: number): void {
    // What was dropped is said by itself: the others still tell how long calls take.
    if (this.#count > 0) this.#inner.record(this.#sum / this.#count, this.#running, false, now);
    if (this.#dropped) this.#inner.record(0, this.#running, true, now);
    this.#ends = Infinity;
    this.#count = this.#sum = this.#running = 0;
    this.#dropped = false;
  }
}
