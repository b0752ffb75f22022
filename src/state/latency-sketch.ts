/** Buckets in each doubling: the relative error of a quantile is then at most 1.1 %. */
const scale = 32;
/** Below this many milliseconds all calls are alike, and above the other too. */
const least = 0.01;
const most = 3_600_000;
const lowest = indexOf(least);

/** Plain JSON: pairs of a bucket and its count. */
export type SketchSnapshot = readonly (readonly [bucket: number, count: number])[];

/**
 * A distribution of latencies in buckets whose bounds grow by 2^(1/32).
 *
 * Merging is exact: the sketch of two streams is the sum of their sketches, whatever the order.
 */
export class LatencySketch {
  count = 0;
  readonly #buckets = new Map<number, number>();

  /** @param ms a latency in milliseconds */
  record(ms: number): void {
    this.#add(indexOf(Math.min(Math.max(ms, least), most)), 1);
  }

  merge(other: LatencySketch): void {
    for (const [bucket, count] of other.#buckets) this.#add(bucket, count);
  }

  /**
   * The latency in milliseconds that a share `q` of the calls took at most.
   *
   * @param q 0 to 1
   * @returns `null` when there was no call
   */
  quantile(q: number): number | null {
    if (this.count === 0) return null;
    let left = Math.max(1, Math.ceil(q * this.count));
    for (const bucket of [...this.#buckets.keys()].sort((a, b) => a - b)) {
      left -= this.#buckets.get(bucket) as number;
      if (left <= 0) return middleOf(bucket);
    }
    return middleOf(lowest);
  }

  snapshot(): SketchSnapshot {
    return [...this.#buckets];
  }

  restore(snapshot: SketchSnapshot): void {
    this.#buckets.clear();
    this.count = 0;
    for (const [bucket, count] of snapshot) this.#add(bucket, count);
  }

  #add(bucket: number, count: number): void {
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + count);
    this.count += count;
  }
}

/** Bucket `i` holds what is above 2^((i-1)/32) and at most 2^(i/32) milliseconds. */
function indexOf(ms: number): number {
  return Math.ceil(Math.log2(ms) * scale);
}

/** The value in a bucket whose relative distance to both of its bounds is the same, and so least at worst. */
function middleOf(bucket: number): number {
  const upper = 2 ** (bucket / scale);
  const lower = 2 ** ((bucket - 1) / scale);
  return (2 * upper * lower) / (upper + lower);
}
