import { bounded, type ConcurrencyLimit, inUse, type LimitBounds } from "./concurrency-limit.ts";

/** Read at each use, so that they may change while it runs. */
export interface GradientLimitRules {
  /** How many times its long-term average a latency may be before the limit shrinks. */
  readonly tolerance: number;
  /** How much of the way to a new limit is gone at a time. */
  readonly smoothing: number;
  /** Calls that may queue in the service. */
  readonly queue: number;
}

/** Latencies that the long-term average looks back on. */
const longWindow = 600;
const warmUp = 10;

/**
 * Gradient2: compares each latency with its own long-term average, and moves towards the limit that keeps them alike plus a
 * queue.
 *
 * When the long-term average is more than twice what calls take now, it is let down faster, so that a bad hour is not
 * remembered for a day.
 *
 * Source: Netflix concurrency-limits, Gradient2Limit (tolerance 1.5, smoothing 0.2, queue 4, long window 600).
 */
export class GradientLimit implements ConcurrencyLimit {
  readonly #bounds: LimitBounds;
  readonly #rules: GradientLimitRules;
  #limit: number;
  #long = 0;
  #seen = 0;

  constructor(bounds: LimitBounds, rules: GradientLimitRules) {
    this.#bounds = bounds;
    this.#rules = rules;
    this.#limit = bounds.initial;
  }

  get limit(): number {
    return this.#limit;
  }

  record(latency: number, running: number, dropped: boolean): void {
    const limit = this.#limit;
    if (dropped) {
      // How soon a call was refused says nothing of how long one takes.
      this.#limit = bounded(limit * 0.9, this.#bounds);
      return;
    }
    this.#remember(latency);
    if (!inUse(running, limit)) return;
    const { tolerance, smoothing, queue } = this.#rules;
    const gradient = Math.max(0.5, Math.min(1, (tolerance * this.#long) / latency));
    const wanted = limit * gradient + queue;
    this.#limit = bounded(limit + (wanted - limit) * smoothing, this.#bounds);
  }

  #remember(latency: number): void {
    this.#seen++;
    // A plain mean while there is little to go by, then an exponential one.
    const weight = this.#seen <= warmUp ? 1 / this.#seen : 2 / (longWindow + 1);
    this.#long += (latency - this.#long) * weight;
    if (this.#long > 2 * latency) this.#long *= 0.95;
  }
}
