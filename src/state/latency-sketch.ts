/** Buckets in each doubling: the relative error of a quantile is then at most 1.93 %. */
const scale = 18;
/** Below this many milliseconds all calls are alike, and above the other too. */
export const shortestLatency = 0.01;
export const longestLatency = 3_600_000;
const lowest = indexOf(shortestLatency);
/** More than there are buckets: one number holds a bucket and its count. */
const width = 1_024;

/** Plain JSON: pairs of a bucket and its count. */
export type SketchSnapshot = readonly (readonly [bucket: number, count: number])[];

/**
 * A distribution of latencies in buckets whose bounds grow by 2^(1/18).
 *
 * Merging is exact: the sketch of two streams is the sum of their sketches, whatever the order. Only buckets that hold
 * something take room, some four to eight bytes each.
 */
export class LatencySketch {
  count = 0;
  /**
   * `count * width + bucket - lowest`, in the order of the buckets: engines keep such small whole numbers in the array
   * itself, where a map takes ten times as much.
   */
  #cells: readonly number[] = [];

  /**
   * @param ms a latency in milliseconds
   * @param times how many calls took so long
   */
  record(ms: number, times = 1): void {
    const bucket = indexOf(Math.min(Math.max(ms, shortestLatency), longestLatency)) - lowest;
    const cells = this.#cells as number[];
    let at = 0;
    for (let above = cells.length; at < above; ) {
      const middle = (at + above) >> 1;
      if ((cells[middle] as number) % width < bucket) at = middle + 1;
      else above = middle;
    }
    this.count += times;
    const found = cells[at];
    if (found !== undefined && found % width === bucket) cells[at] = found + times * width;
    // A copy is as long as it must be; an array that grows keeps room for half as much again.
    else this.#cells = cells.toSpliced(at, 0, times * width + bucket);
  }

  merge(other: LatencySketch): void {
    this.#cells = merged(this.#cells, other.#cells);
    this.count += other.count;
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
    let bucket = 0;
    for (const cell of this.#cells) {
      bucket = cell % width;
      left -= Math.floor(cell / width);
      if (left <= 0) break;
    }
    return middleOf(bucket + lowest);
  }

  snapshot(): SketchSnapshot {
    return this.#cells.map((cell) => [(cell % width) + lowest, Math.floor(cell / width)]);
  }

  restore(snapshot: SketchSnapshot): void {
    this.#cells = snapshot.map(([bucket, count]) => count * width + bucket - lowest);
    this.count = snapshot.reduce((sum, [, count]) => sum + count, 0);
  }
}

/** Both, in the order of the buckets, with those that are in both as one. */
function merged(left: readonly number[], right: readonly number[]): readonly number[] {
  if (left.length === 0) return right.slice();
  const all: number[] = [];
  let at = 0;
  for (const cell of right) {
    const bucket = cell % width;
    while (at < left.length && (left[at] as number) % width < bucket) all.push(left[at++] as number);
    const same = at < left.length && (left[at] as number) % width === bucket;
    all.push(same ? (left[at++] as number) + cell - bucket : cell);
  }
  while (at < left.length) all.push(left[at++] as number);
  return all.slice();
}

/** Bucket `i` holds what is above 2^((i-1)/18) and at most 2^(i/18) milliseconds. */
function indexOf(ms: number): number {
  return Math.ceil(Math.log2(ms) * scale);
}

/** The value in a bucket whose relative distance to both of its bounds is the same, and so least at worst. */
function middleOf(bucket: number): number {
  const upper = 2 ** (bucket / scale);
  const lower = 2 ** ((bucket - 1) / scale);
  return (2 * upper * lower) / (upper + lower);
}
