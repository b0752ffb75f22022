import type { Exemplar, HistogramValue } from "./metric-family.ts";

/** Plain JSON: what each bucket holds, the last one for what is above all bounds, and the sum of all values. */
export interface HistogramSnapshot {
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Counts values in buckets with fixed upper bounds, as Prometheus and OTLP take them. */
export class Histogram implements HistogramValue {
  readonly bounds: readonly number[];
  readonly counts: number[];
  /** The newest of each bucket. No part of a snapshot: after a restart others come. */
  readonly exemplars: (Exemplar | undefined)[] = [];
  sum = 0;

  /** @param bounds the highest values of the buckets, ascending */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  record(value: number, exemplar?: Exemplar, times = 1): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] as number)) bucket++;
    this.counts[bucket] = (this.counts[bucket] as number) + times;
    this.sum += times * value;
    if (exemplar !== undefined) this.exemplars[bucket] = exemplar;
  }

  /** As it is now, as plain JSON. */
  value(): HistogramValue {
    return { bounds: this.bounds, counts: [...this.counts], sum: this.sum, exemplars: [...this.exemplars] };
  }

  snapshot(): HistogramSnapshot {
    return { counts: [...this.counts], sum: this.sum };
  }

  /** Adds what a snapshot holds; one with other bounds is left alone: better no counts than wrong ones. */
  restore({ counts, sum }: HistogramSnapshot): void {
    if (counts.length !== this.counts.length) return;
    for (const [bucket, count] of counts.entries())
      this.counts[bucket] = (this.counts[bucket] as number) + count;
    this.sum += sum;
  }
}
