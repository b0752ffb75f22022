import type { Changeable } from "../core/adaptive.ts";
import { known } from "../core/check.ts";
import type { Context } from "../core/context.ts";
import type { DescribedCall } from "../core/description.ts";
import { type Duration, refuse } from "../core/duration.ts";
import { between, count, duration, rulesOf, type Table } from "../core/options.ts";
import { type LatenciesSnapshot, RecentLatencies } from "../state/recent-latencies.ts";

export interface PercentileOptions {
  /** Calls that it looks back on, about. Default 1000. */
  readonly window?: Changeable<number>;
  /** Calls that it must have seen before it is used. Default 20, or the whole window if that is fewer calls. */
  readonly minimumCalls?: Changeable<number>;
  /** What holds until then. Default `"2s"`. */
  readonly initial?: Changeable<Duration>;
}

/** A delay that follows the latencies of a service: each policy that it is given to records its calls in it. */
export interface Percentile extends DescribedCall {
  (context: Context): Duration;
  /** Takes note of a call that took so many milliseconds. */
  record(ms: number): void;
  /** Plain JSON to restore from, without times. */
  snapshot(): LatenciesSnapshot;
  /** @throws TypeError for what is no snapshot; all then stays as it was */
  restore(snapshot: LatenciesSnapshot): void;
}

const table = {
  share: { check: between(0, 1), required: true },
  window: { check: count(2), initial: 1000 },
  minimumCalls: { check: count() },
  initial: { check: duration, initial: "2s" },
} as const;

/** @internal The options of `percentile`, for tools. */
export const percentileTable: Table = table;

/**
 * The latency that a share of the last calls took at most: 0.95 hedges about 5 % of the calls.
 *
 * Source: The Tail at Scale (Dean and Barroso, 2013), which hedges after the 95th percentile.
 *
 * @example
 * const policy = hedge({ after: percentile(0.95, { initial: "500ms" }) });
 */
export function percentile(share: Changeable<number>, options: PercentileOptions = {}): Percentile {
  known(options, "percentile", ["window", "minimumCalls", "initial"]);
  const { rules, recipe } = rulesOf("percentile", { share, ...options }, table);
  between(1, rules.window)(rules.minimumCalls ?? 1, "percentile: minimumCalls");
  const latencies = new RecentLatencies();
  const after = (): number => {
    // More calls than the window can hold would never be enough.
    const minimum = Math.min(rules.minimumCalls ?? 20, rules.window);
    return latencies.seen < minimum ? rules.initial : (latencies.quantile(rules.share) as number);
  };
  return Object.assign(after, {
    record: (ms: number) => latencies.record(ms, Math.ceil(rules.window / 2)),
    snapshot: () => latencies.snapshot(),
    restore(snapshot: LatenciesSnapshot) {
      for (const part of ["older", "newer"] as const) sketch(Object(snapshot)[part], `restore: ${part}`);
      latencies.restore(snapshot);
    },
    recipe,
  });
}

/** Refuses what is no list of buckets and counts: it may come from anywhere. */
function sketch(value: unknown, option: string): void {
  const pairs =
    Array.isArray(value) && value.every((pair) => Array.isArray(pair) && pair.every(Number.isInteger));
  if (!pairs) refuse(option, "pairs of whole numbers", value, TypeError);
}
