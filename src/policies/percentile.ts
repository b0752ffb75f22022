import { known, whole, within } from "../core/check.ts";
import type { Context } from "../core/context.ts";
import type { DescribedCall } from "../core/description.ts";
import type { Duration } from "../core/duration.ts";
import { milliseconds } from "../core/duration.ts";
import { RecentLatencies } from "../state/recent-latencies.ts";

export interface PercentileOptions {
  /** Calls that it looks back on, about. Default 1000. */
  readonly window?: number;
  /** Calls that it must have seen before it is used. Default 20, or the whole window if that is fewer calls. */
  readonly minimumCalls?: number;
  /** What holds until then. Default `"2s"`. */
  readonly initial?: Duration;
}

/** A delay that follows the latencies of a service: each policy that it is given to records its calls in it. */
export interface Percentile extends DescribedCall {
  (context: Context): Duration;
  /** Takes note of a call that took so many milliseconds. */
  record(ms: number): void;
}

/**
 * The latency that a share of the last calls took at most: 0.95 hedges about 5 % of the calls.
 *
 * Source: The Tail at Scale (Dean and Barroso, 2013), which hedges after the 95th percentile.
 *
 * @example
 * const policy = hedge({ after: percentile(0.95, { initial: "500ms" }) });
 */
export function percentile(share: number, options: PercentileOptions = {}): Percentile {
  known(options, "percentile", ["window", "minimumCalls", "initial"]);
  const q = within(share, "percentile: share", 0, 1);
  const window = whole(options.window ?? 1000, "percentile: window", 2);
  const minimum = within(
    whole(options.minimumCalls ?? Math.min(20, window), "percentile: minimumCalls"),
    "percentile: minimumCalls",
    1,
    window,
  );
  const initial = milliseconds(options.initial ?? "2s", "percentile: initial");
  const latencies = new RecentLatencies(Math.ceil(window / 2));
  const recipe: Percentile["recipe"] = {
    call: "percentile",
    given: { share, ...options },
    table: { share: {}, window: {}, minimumCalls: {}, initial: { duration: true } },
  };
  return Object.assign(() => (latencies.seen < minimum ? initial : (latencies.quantile(q) as number)), {
    record: (ms: number) => latencies.record(ms),
    recipe,
  });
}

/** Where to record latencies, for an option that may be a percentile. */
export function recorderOf(option: unknown): ((ms: number) => void) | undefined {
  return typeof option === "function" && "record" in option ? (option as Percentile).record : undefined;
}
