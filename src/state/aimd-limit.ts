import { bounded, type ConcurrencyLimit, inUse, type LimitBounds } from "./concurrency-limit.ts";

/**
 * Additive increase, multiplicative decrease: `increase` more for each round of calls that went well, a share less when one
 * was dropped or took longer than `slowAfter`.
 *
 * Calls that were under way when the limit went down do not lower it again: one overload, one decrease.
 *
 * Source: Chiu and Jain, 1989; Netflix concurrency-limits, AIMDLimit (ratio 0.9, timeout 5 s).
 */
export class AimdLimit implements ConcurrencyLimit {
  readonly #bounds: LimitBounds;
  readonly #decrease: number;
  readonly #increase: number;
  readonly #slowAfter: number;
  #limit: number;
  #loweredAt = -Infinity;

  constructor(bounds: LimitBounds, decrease: number, increase: number, slowAfter: number) {
    this.#bounds = bounds;
    this.#decrease = decrease;
    this.#increase = increase;
    this.#slowAfter = slowAfter;
    this.#limit = bounds.initial;
  }

  get limit(): number {
    return this.#limit;
  }

  record(latency: number, running: number, dropped: boolean, now: number): void {
    if (dropped || latency > this.#slowAfter) {
      if (now - latency <= this.#loweredAt) return;
      this.#loweredAt = now;
      this.#limit = bounded(this.#limit * this.#decrease, this.#bounds);
    } else if (inUse(running, this.#limit)) {
      this.#limit = bounded(this.#limit + this.#increase / this.#limit, this.#bounds);
    }
  }
}
