export type Labels = Readonly<Record<string, string>>;

/** A value of a bucket, with what leads to the trace of its call. */
export interface Exemplar {
  readonly traceId: string;
  readonly value: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** What a histogram counted. */
export interface HistogramValue {
  /** The highest values of the buckets, ascending, in the family's unit. */
  readonly bounds: readonly number[];
  /** What each bucket holds, not cumulative, with one more for what is above all bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
  /** By bucket, where there is one. */
  readonly exemplars: readonly (Exemplar | undefined)[];
}

/** One number of a family, told apart by its labels. */
export type Sample = readonly [labels: Labels, value: number];
export type HistogramSample = readonly [labels: Labels, value: HistogramValue];

/** Numbers of one name and kind, for any exporter. A counter's name ends in `_total`, a unit stands before that. */
export type MetricFamily = { readonly name: string; readonly help: string; readonly unit?: "seconds" } & (
  | { readonly type: "counter" | "gauge"; readonly samples: readonly Sample[] }
  | { readonly type: "histogram"; readonly samples: readonly HistogramSample[] }
);
