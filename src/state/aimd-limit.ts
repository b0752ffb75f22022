import { bounded, type ConcurrencyLimit, inUse, type LimitBounds } from "./concurrency-limit.ts";

/** Read at each use, so that they may change while it runs. */
export interface AimdLimitRules {
  /** What the limit is multiplied by. */
  readonly decrease: number;
  /** Calls that are added for each round of `limit` calls that went well. */
  readonly increase: number;
  /** Milliseconds after which a call is a sign of overload. */
  readonly slowAfter: number;
}

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
  readonly #rules: AimdLimitRules;
  #limit: number;
  #loweredAt = -Infinity;

  constructor(bounds: LimitBounds, rules: AimdLimitRules) {
    this.#bounds = bounds;
    this.#rules = rules;
    this.#limit = bounds.initial;
  }

  get limit(): number {
    return this.#limit;
  }

  record(latency: number, running: number, dropped: boolean, now: number): void {
    const { decrease, increase, slowAfter } = this.#rules;
    if (dropped || latency > slowAfter) {
      if (now - latency <= this.#loweredAt) return;
      this.#loweredAt = now;
      this.#limit = bounded(this.#limit * decrease, this.#bounds);
    } else if (inUse(running, this.#limit)) {
      this.#limit = bounded(this.#limit + increase / this.#limit, this.#bounds);
    }
  }
}
