import { Histogram } from "../../state/histogram.ts";
import { longestLatency, shortestLatency } from "../../state/latency-sketch.ts";
import type { EventBatch } from "../batch-format.ts";
import { type Counter, counters, countsOf } from "./counts.ts";
import { type HistogramName, histograms, recordOf } from "./histograms.ts";
import { type Attributes, attributes, type KeyValue, nanoseconds, type Resource, scope } from "./wire.ts";

interface Point {
  readonly attributes: readonly KeyValue[];
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
}

interface NumberPoint extends Point {
  readonly asInt: string;
}

interface HistogramPoint extends Point {
  readonly count: string;
  readonly sum: number;
  readonly scale: number;
  readonly zeroCount: string;
  readonly positive: { readonly offset: number; readonly bucketCounts: readonly string[] };
  readonly min: number;
  readonly max: number;
}

interface BoundedPoint extends Point {
  readonly count: string;
  readonly sum: number;
  readonly bucketCounts: readonly string[];
  readonly explicitBounds: readonly number[];
}

interface Metric {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly sum?: {
    readonly dataPoints: readonly NumberPoint[];
    readonly aggregationTemporality: 1;
    readonly isMonotonic: true;
  };
  readonly histogram?: { readonly dataPoints: readonly BoundedPoint[]; readonly aggregationTemporality: 1 };
  readonly exponentialHistogram?: {
    readonly dataPoints: readonly HistogramPoint[];
    readonly aggregationTemporality: 1;
  };
}

export interface MetricsRequest {
  readonly resourceMetrics: readonly {
    readonly resource: Resource;
    readonly scopeMetrics: readonly { readonly scope: typeof scope; readonly metrics: readonly Metric[] }[];
  }[];
}

/** AGGREGATION_TEMPORALITY_DELTA: who receives them adds them up, so that a sender may come and go. */
const delta = 1;
/** Buckets grow by 2^(1/32), as in the observer's sketch: quantiles are at most 1.1 % off. */
const scale = 5;
const bucketsPerDoubling = 2 ** scale;

/** Counts that are told apart by their attributes. */
class Counts {
  readonly #points = new Map<string, { readonly attributes: Attributes; value: number }>();

  add(attributes: Attributes, by = 1): void {
    if (!(by > 0)) return;
    const key = JSON.stringify(attributes);
    const point = this.#points.get(key) ?? { attributes, value: 0 };
    point.value += by;
    this.#points.set(key, point);
  }

  points(span: Pick<Point, "startTimeUnixNano" | "timeUnixNano">): NumberPoint[] {
    return [...this.#points.values()].map(({ attributes: given, value }) => ({
      attributes: attributes(given),
      ...span,
      // A 64-bit integer, whatever an event of somebody else's may say.
      asInt: String(Math.min(Math.round(value), Number.MAX_SAFE_INTEGER)),
    }));
  }
}

/** Histograms of one name, that are told apart by their attributes. */
class Bounded {
  readonly #bounds: readonly number[];
  readonly #points = new Map<string, { readonly attributes: Attributes; readonly histogram: Histogram }>();

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
  }

  record(attributes: Attributes, value: number, times: number): void {
    const key = JSON.stringify(attributes);
    const point = this.#points.get(key) ?? { attributes, histogram: new Histogram(this.#bounds) };
    point.histogram.record(value, undefined, times);
    this.#points.set(key, point);
  }

  points(span: Pick<Point, "startTimeUnixNano" | "timeUnixNano">): BoundedPoint[] {
    return [...this.#points.values()].map(({ attributes: given, histogram: { counts, sum } }) => ({
      attributes: attributes(given),
      ...span,
      count: String(counts.reduce((all, each) => all + each, 0)),
      sum,
      bucketCounts: counts.map(String),
      explicitBounds: this.#bounds,
    }));
  }
}

/** Seconds in exponential buckets, from the shortest to the longest that the observer tells apart: some nine hundred at most. */
class Durations {
  count = 0;
  sum = 0;
  zero = 0;
  min = Infinity;
  max = 0;
  readonly #buckets = new Map<number, number>();

  record(ms: number, times: number): void {
    const seconds = (ms > 0 ? Math.min(Math.max(ms, shortestLatency), longestLatency) : 0) / 1_000;
    this.count += times;
    this.sum += times * seconds;
    this.min = Math.min(this.min, seconds);
    this.max = Math.max(this.max, seconds);
    if (seconds === 0) {
      this.zero += times;
      return;
    }
    // Bucket i holds what is above base^i and at most base^(i+1).
    const index = Math.ceil(Math.log2(seconds) * bucketsPerDoubling) - 1;
    this.#buckets.set(index, (this.#buckets.get(index) ?? 0) + times);
  }

  get positive(): HistogramPoint["positive"] {
    if (this.#buckets.size === 0) return { offset: 0, bucketCounts: [] };
    const indices = [...this.#buckets.keys()];
    const offset = Math.min(...indices);
    const bucketCounts = Array.from({ length: Math.max(...indices) - offset + 1 }, (_, at) =>
      String(this.#buckets.get(offset + at) ?? 0),
    );
    return { offset, bucketCounts };
  }
}

/**
 * What a batch adds to metrics, or nothing when it adds nothing.
 *
 * @param since when the batch before it was made, in milliseconds since 1970
 */
export function metricsOf(batch: EventBatch, resource: Resource, since: number): MetricsRequest | undefined {
  const counts = new Map<Counter, Counts>();
  const durations = new Map<string, Durations>();
  const bounded = new Map<HistogramName, Bounded>();
  const count = (name: Counter, attributes: Attributes, by?: number): void => {
    const known = counts.get(name) ?? new Counts();
    counts.set(name, known);
    known.add(attributes, by);
  };
  if (batch.dropped > 0) count("resilience.events.dropped", {}, batch.dropped);
  for (const event of batch.events) {
    const { weight = 1 } = event;
    for (const [name, told, by] of countsOf(event)) count(name, told, by * weight);
    const record = recordOf(event);
    if (record !== undefined) {
      const [name, told, value] = record;
      const known = bounded.get(name) ?? new Bounded(histograms[name].bounds);
      bounded.set(name, known);
      known.record(told, value, weight);
    }
    if ((event.type !== "request.succeeded" && event.type !== "request.failed") || event.attempts === 0)
      continue;
    const known = durations.get(event.policy) ?? new Durations();
    durations.set(event.policy, known);
    known.record(event.duration, weight);
  }
  const span = { startTimeUnixNano: nanoseconds(since), timeUnixNano: nanoseconds(batch.sentAt) };
  const metrics: Metric[] = [...counts].flatMap(([name, points]) => {
    const dataPoints = points.points(span);
    const [unit, description] = counters[name];
    if (dataPoints.length === 0) return [];
    return { name, description, unit, sum: { dataPoints, aggregationTemporality: delta, isMonotonic: true } };
  });
  for (const [name, points] of bounded) {
    const { unit, description } = histograms[name];
    const histogram = { dataPoints: points.points(span), aggregationTemporality: delta } as const;
    metrics.push({ name, description, unit, histogram });
  }
  if (durations.size > 0) metrics.push(durationMetric(durations, span));
  if (metrics.length === 0) return undefined;
  return { resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics }] }] };
}

function durationMetric(
  durations: ReadonlyMap<string, Durations>,
  span: Pick<Point, "startTimeUnixNano" | "timeUnixNano">,
): Metric {
  const dataPoints = [...durations].map(
    ([policy, { count, sum, zero, min, max, positive }]): HistogramPoint => ({
      attributes: attributes({ "resilience.policy": policy }),
      ...span,
      count: String(count),
      sum,
      scale,
      zeroCount: String(zero),
      positive,
      min,
      max,
    }),
  );
  return {
    name: "resilience.request.duration",
    description: "How long calls took that went out, all attempts and waits included.",
    unit: "s",
    exponentialHistogram: { dataPoints, aggregationTemporality: delta },
  };
}
