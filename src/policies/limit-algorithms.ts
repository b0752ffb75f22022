import type { Changeable } from "../core/adaptive.ts";
import { span } from "../core/check.ts";
import type { DescribedCall } from "../core/description.ts";
import type { Duration } from "../core/duration.ts";
import { between, duration, rulesOf, type Table } from "../core/options.ts";
import { AimdLimit } from "../state/aimd-limit.ts";
import type { ConcurrencyLimit, LimitBounds } from "../state/concurrency-limit.ts";
import { GradientLimit } from "../state/gradient-limit.ts";
import { VegasLimit } from "../state/vegas-limit.ts";
import { WindowedLimit } from "../state/windowed-limit.ts";

/** How an adaptive limit finds its limit; it makes a machine for each policy that uses it. */
export interface LimitAlgorithm extends DescribedCall {
  machine(bounds: LimitBounds): ConcurrencyLimit;
}

export interface AimdOptions {
  /** What the limit is multiplied by when calls are dropped or slow. Default 0.9. */
  readonly decrease?: Changeable<number>;
  /** Calls that are added for each round of `limit` calls that went well. Default 1. */
  readonly increase?: Changeable<number>;
  /** A call that took longer is a sign of overload. Default 5 s. */
  readonly slowAfter?: Changeable<Duration>;
}

const aimdRows = {
  decrease: { check: between(0.1, 0.999), initial: 0.9, named: true },
  increase: { check: between(0.001, 1_000), initial: 1 },
  slowAfter: { check: span, initial: "5s", duration: true },
} as const;

/** @internal The options of `aimd`, for tools. */
export const aimdTable: Table = aimdRows;

/**
 * Additive increase, multiplicative decrease: one more for each round of calls that went well, a tenth less when one timed
 * out, was refused or took too long. For services whose latency says little and whose refusals say all.
 */
export function aimd(options: AimdOptions = {}): LimitAlgorithm {
  const { rules, recipe } = rulesOf("aimd", options, aimdRows);
  return { recipe, machine: (bounds) => new AimdLimit(bounds, rules) };
}

export interface VegasOptions {
  /** Calls of how much time are taken together. Default 1 s; 0 for each by itself. */
  readonly window?: Changeable<Duration>;
}

const vegasRows = { window: { check: duration, initial: "1s", named: true } } as const;

/** @internal The options of `vegas`, for tools. */
export const vegasTable: Table = vegasRows;

/** Grows while calls take about as long as the best did, shrinks when they queue: the quickest to see a queue form. */
export function vegas(options: VegasOptions = {}): LimitAlgorithm {
  const { rules, recipe } = rulesOf("vegas", options, vegasRows);
  return { recipe, machine: (bounds) => new WindowedLimit(new VegasLimit(bounds), rules) };
}

export interface Gradient2Options {
  /** How many times its long-term average a latency may be before the limit shrinks. Default 1.5. */
  readonly tolerance?: Changeable<number>;
  /** How much of the way to a new limit is gone at a time. Default 0.2. */
  readonly smoothing?: Changeable<number>;
  /** Calls that may queue in the service. Default 4. */
  readonly queue?: Changeable<number>;
  /** Calls of how much time are taken together. Default 1 s; 0 for each by itself. */
  readonly window?: Changeable<Duration>;
}

const gradientRows = {
  tolerance: { check: between(1, 100), initial: 1.5, named: true },
  smoothing: { check: between(0.001, 1), initial: 0.2 },
  queue: { check: between(0, 1_000), initial: 4 },
  window: { check: duration, initial: "1s" },
} as const;

/** @internal The options of `gradient2`, for tools. */
export const gradient2Table: Table = gradientRows;

/** Compares latencies with their own long-term average: the calmest, and right when latencies differ by what is asked. */
export function gradient2(options: Gradient2Options = {}): LimitAlgorithm {
  const { rules, recipe } = rulesOf("gradient2", options, gradientRows);
  return { recipe, machine: (bounds) => new WindowedLimit(new GradientLimit(bounds, rules), rules) };
}
