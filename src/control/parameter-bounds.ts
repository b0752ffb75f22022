import { span } from "../core/check.ts";
import { duration, flag } from "../core/options.ts";
import { tableOf } from "./tunables.ts";
import type { ParameterBounds } from "./wire.ts";

const whole = (minimum: number, unit?: string): ParameterBounds => ({
  kind: "whole",
  minimum,
  ...(unit !== undefined && { unit }),
});
const number = (minimum: number, maximum: number): ParameterBounds => ({ kind: "number", minimum, maximum });
const calls = whole(1, "calls");
const share = (minimum = 0, maximum = 1): ParameterBounds => ({
  kind: "number",
  unit: "share",
  minimum,
  maximum,
});
const waiting: Readonly<Record<string, ParameterBounds>> = {
  queue: whole(0, "calls"),
  order: { kind: "choice", choices: ["fifo", "lifo"] },
  priority: number(-1_000_000, 1_000_000),
};

/** Of the options that are numbers or choices; lengths of time and switches are known by their checks. */
const bounds: Readonly<Record<string, Readonly<Record<string, ParameterBounds>>>> = {
  adaptiveLimit: { minimum: calls, maximum: calls, ...waiting },
  aimd: { decrease: share(0.1, 0.999), increase: number(0.001, 1_000) },
  aimdRate: { decrease: share(0.001, 0.999), increase: share(0.001), minimum: share(0.001) },
  bulkhead: { limit: calls, ...waiting },
  cache: { maximumEntries: whole(1, "entries") },
  chaos: { rate: share() },
  circuitBreaker: {
    consecutiveFailures: calls,
    failureRate: share(0.0001),
    slowCallRate: share(0.0001),
    window: { kind: "window", minimum: 1, unit: "calls" },
    minimumCalls: calls,
    probes: calls,
    successesToClose: calls,
  },
  exponential: { factor: number(1, 100) },
  gradient2: { tolerance: number(1, 100), smoothing: share(0.001), queue: number(0, 1_000) },
  hedge: { hedges: whole(0, "calls") },
  percentile: { share: share(), window: whole(2, "calls"), minimumCalls: calls },
  rateLimit: { limit: calls, burst: calls },
  retry: {
    attempts: calls,
    jitter: { kind: "choice", choices: ["none", "full", "equal", "decorrelated"], minimum: 0, maximum: 1 },
  },
  retryBudget: { ratio: share(), minimum: number(0, 1_000_000) },
  throttle: { k: number(1, 1_000), maximumRejection: share(0, 0.999), minimumCalls: calls },
  tokenBudget: {
    tokens: number(0.000001, 1_000_000),
    cost: number(0.000001, 1_000_000),
    gain: number(0, 1_000_000),
  },
};

/**
 * What an option of a policy, or of a value such as a back-off, may be set to. Bounds that options have with each other, such
 * as `minimumCalls` and `window`, are not among them.
 */
export function boundsOf(name: string, option: string): ParameterBounds {
  const table = tableOf(name);
  const row = table && Object.hasOwn(table, option) ? table[option] : undefined;
  if (table !== undefined && table === tableOf("circuitBreaker") && name !== "circuitBreaker") {
    return boundsOf("circuitBreaker", option);
  }
  const own = Object.hasOwn(bounds, name) ? bounds[name] : undefined;
  if (own !== undefined && Object.hasOwn(own, option)) return own[option] as ParameterBounds;
  if (row?.check === flag) return { kind: "flag" };
  if (row?.check === span) return { kind: "duration", unit: "ms", minimum: 0, exclusiveMinimum: true };
  return row?.check === duration || row?.duration === true
    ? { kind: "duration", unit: "ms", minimum: 0 }
    : { kind: "expression" };
}
