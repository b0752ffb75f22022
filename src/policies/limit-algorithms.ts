import { known, span } from "../core/check.ts";
import type { DescribedCall } from "../core/description.ts";
import { type Duration, milliseconds } from "../core/duration.ts";
import { between } from "../core/options.ts";
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
  readonly decrease?: number;
  /** Calls that are added for each round of `limit` calls that went well. Default 1. */
  readonly increase?: number;
  /** A call that took longer is a sign of overload. Default 5 s. */
  readonly slowAfter?: Duration;
}

/**
 * Additive increase, multiplicative decrease: one more for each round of calls that went well, a tenth less when one timed
 * out, was refused or took too long. For services whose latency says little and whose refusals say all.
 */
export function aimd(options: AimdOptions = {}): LimitAlgorithm {
  known(options, "aimd", ["decrease", "increase", "slowAfter"]);
  const decrease = between(0.1, 0.999)(options.decrease ?? 0.9, "aimd: decrease");
  const increase = between(0.001, 1_000)(options.increase ?? 1, "aimd: increase");
  const slowAfter = span(options.slowAfter ?? "5s", "aimd: slowAfter");
  return {
    recipe: {
      call: "aimd",
      given: options,
      table: { decrease: { named: true }, increase: {}, slowAfter: { duration: true } },
    },
    machine: (bounds) => new AimdLimit(bounds, decrease, increase, slowAfter),
  };
}

export interface VegasOptions {
  /** Calls of how much time are taken together. Default 1 s; 0 for each by itself. */
  readonly window?: Duration;
}

/** Grows while calls take about as long as the best did, shrinks when they queue: the quickest to see a queue form. */
export function vegas(options: VegasOptions = {}): LimitAlgorithm {
  known(options, "vegas", ["window"]);
  const window = milliseconds(options.window ?? "1s", "vegas: window");
  return {
    recipe: { call: "vegas", given: options, table: { window: { named: true, duration: true } } },
    machine: (bounds) => windowed(new VegasLimit(bounds), window),
  };
}

export interface Gradient2Options {
  /** How many times its long-term average a latency may be before the limit shrinks. Default 1.5. */
  readonly tolerance?: number;
  /** How much of the way to a new limit is gone at a time. Default 0.2. */
  readonly smoothing?: number;
  /** Calls that may queue in the service. Default 4. */
  readonly queue?: number;
  /** Calls of how much time are taken together. Default 1 s; 0 for each by itself. */
  readonly window?: Duration;
}

/** Compares latencies with their own long-term average: the calmest, and right when latencies differ by what is asked. */
export function gradient2(options: Gradient2Options = {}): LimitAlgorithm {
  known(options, "gradient2", ["tolerance", "smoothing", "queue", "window"]);
  const tolerance = between(1, 100)(options.tolerance ?? 1.5, "gradient2: tolerance");
  const smoothing = between(0.001, 1)(options.smoothing ?? 0.2, "gradient2: smoothing");
  const queue = between(0, 1_000)(options.queue ?? 4, "gradient2: queue");
  const window = milliseconds(options.window ?? "1s", "gradient2: window");
  return {
    recipe: {
      call: "gradient2",
      given: options,
      table: { tolerance: { named: true }, smoothing: {}, queue: {}, window: { duration: true } },
    },
    machine: (bounds) => windowed(new GradientLimit(bounds, tolerance, smoothing, queue), window),
  };
}

function windowed(limit: ConcurrencyLimit, window: number): ConcurrencyLimit {
  return window === 0 ? limit : new WindowedLimit(limit, window);
}
