import { bounded, type ConcurrencyLimit, inUse, type LimitBounds } from "./concurrency-limit.ts";

/** Latencies after which the best is measured anew: the service may have become slower for good. */
const probeAfter = 300;

/**
 * Vegas: guesses how many calls queue in the service from how much longer they take than the best did, grows while they are
 * few and shrinks while they are many.
 *
 * Source: Brakmo and Peterson, 1995; Netflix concurrency-limits, VegasLimit (alpha 3·log10, beta 6·log10 of the limit).
 */
export class VegasLimit implements ConcurrencyLimit {
  readonly #bounds: LimitBounds;
  #limit: number;
  #best = Infinity;
  #untilProbe = probeAfter;

  constructor(bounds: LimitBounds) {
    this.#bounds = bounds;
    this.#limit = bounds.initial;
  }

  get limit(): number {
    return this.#limit;
  }

  record(latency: number, running: number, dropped: boolean): void {
    const limit = this.#limit;
    const step = Math.max(1, Math.log10(limit));
    if (dropped) {
      // How soon a call was refused says nothing of how long one takes.
      this.#limit = bounded(limit - step, this.#bounds);
      return;
    }
    if (--this.#untilProbe <= 0) {
      this.#untilProbe = probeAfter;
      this.#best = latency;
      return;
    }
    if (latency < this.#best) this.#best = latency;
    if (!inUse(running, limit)) return;
    const queue = Math.ceil(limit * (1 - this.#best / latency));
    if (queue <= step) this.#limit = bounded(limit + 6 * step, this.#bounds);
    else if (queue < 3 * step) this.#limit = bounded(limit + step, this.#bounds);
    else if (queue > 6 * step) this.#limit = bounded(limit - step, this.#bounds);
  }
}
