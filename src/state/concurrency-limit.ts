/**
 * Finds out how many calls a service can take at a time, from how long they take.
 *
 * A machine without time: it is told of each call that ended.
 */
export interface ConcurrencyLimit {
  /** Calls that may run now. */
  readonly limit: number;
  /**
   * A call ended.
   *
   * @param latency milliseconds
   * @param running calls that were running when it began, itself included
   * @param dropped whether it timed out or was refused for overload: a sign to back off at once
   */
  record(latency: number, running: number, dropped: boolean): void;
}

export interface LimitBounds {
  readonly initial: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** A limit grows only when it is used: else an idle service would be credited with what it never showed. */
function inUse(running: number, limit: number): boolean {
  return running * 2 >= limit;
}

function bounded(limit: number, { minimum, maximum }: LimitBounds): number {
  return Math.min(maximum, Math.max(minimum, limit));
}

/**
 * Additive increase, multiplicative decrease: one more after each call that went well, a share less after one that was
 * dropped or took longer than `slowAfter`.
 *
 * Source: Chiu and Jain, 1989; Netflix concurrency-limits, AIMDLimit (ratio 0.9, timeout 5 s).
 */
export class AimdLimit implements ConcurrencyLimit {
  readonly #bounds: LimitBounds;
  readonly #decrease: number;
  readonly #slowAfter: number;
  #limit: number;

  constructor(bounds: LimitBounds, decrease: number, slowAfter: number) {
    this.#bounds = bounds;
    this.#decrease = decrease;
    this.#slowAfter = slowAfter;
    this.#limit = bounds.initial;
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  record(latency: number, running: number, dropped: boolean): void {
    if (dropped || latency > this.#slowAfter) this.#limit *= this.#decrease;
    else if (inUse(running, this.#limit)) this.#limit += 1 / this.#limit;
    this.#limit = bounded(this.#limit, this.#bounds);
  }
}

/**
 * Vegas: guesses the queue from how much longer calls take than the best, grows while it is short and shrinks while it
 * is long.
 *
 * Source: Brakmo and Peterson, 1995; Netflix concurrency-limits, VegasLimit (alpha 3·log10, beta 6·log10 of the limit).
 */
export class VegasLimit implements ConcurrencyLimit {
  readonly #bounds: LimitBounds;
  #limit: number;
  #best = Infinity;
  /** Calls until the best latency is measured anew: the service may have become faster or slower for good. */
  #untilProbe: number;

  constructor(bounds: LimitBounds) {
    this.#bounds = bounds;
    this.#limit = bounds.initial;
    this.#untilProbe = this.#probeAfter();
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  record(latency: number, running: number, dropped: boolean): void {
    if (--this.#untilProbe <= 0) {
      this.#untilProbe = this.#probeAfter();
      this.#best = latency;
      return;
    }
    if (latency < this.#best) {
      this.#best = latency;
      return;
    }
    const step = Math.max(1, Math.log10(this.#limit));
    const queue = Math.ceil(this.#limit * (1 - this.#best / latency));
    if (dropped) this.#limit -= step;
    else if (!inUse(running, this.#limit)) return;
    else if (queue <= step) this.#limit += 6 * step;
    else if (queue < 3 * step) this.#limit += step;
    else if (queue > 6 * step) this.#limit -= step;
    this.#limit = bounded(this.#limit, this.#bounds);
  }

  #probeAfter(): number {
    return Math.max(100, Math.ceil(30 * this.#limit));
  }
}

/** Calls that the long-term latency looks back on. */
const longWindow = 600;
const warmUp = 10;

/**
 * Gradient2: compares each latency with its own long-term average, and moves towards what keeps them alike plus a queue.
 *
 * When the long-term average is twice what calls take now, it is let down faster, so that a bad hour is not remembered
 * for a day.
 *
 * Source: Netflix concurrency-limits, Gradient2Limit (tolerance 1.5, smoothing 0.2, queue 4).
 */
export class GradientLimit implements ConcurrencyLimit {
  readonly #bounds: LimitBounds;
  readonly #tolerance: number;
  readonly #smoothing: number;
  readonly #queue: number;
  #limit: number;
  #long = 0;
  #seen = 0;

  constructor(bounds: LimitBounds, tolerance: number, smoothing: number, queue: number) {
    this.#bounds = bounds;
    this.#tolerance = tolerance;
    this.#smoothing = smoothing;
    this.#queue = queue;
    this.#limit = bounds.initial;
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  record(latency: number, running: number, dropped: boolean): void {
    this.#remember(latency);
    if (this.#long / latency > 2) this.#long *= 0.95;
    if (dropped) {
      this.#limit = bounded(this.#limit * 0.9, this.#bounds);
      return;
    }
    if (!inUse(running, this.#limit)) return;
    const gradient = Math.max(0.5, Math.min(1, (this.#tolerance * this.#long) / latency));
    const wanted = this.#limit * gradient + this.#queue;
    const next = this.#limit * (1 - this.#smoothing) + wanted * this.#smoothing;
    this.#limit = bounded(next, this.#bounds);
  }

  #remember(latency: number): void {
    this.#seen++;
    // A plain mean while there is little to go by, then an exponential one.
    const weight = this.#seen <= warmUp ? 1 / this.#seen : 2 / (longWindow + 1);
    this.#long += (latency - this.#long) * weight;
  }
}
