import { known, span } from "../core/check.ts";
import type { Chosen, DescribedCall } from "../core/description.ts";
import type { Duration } from "../core/duration.ts";
import { between, type Check, having, oneOf } from "../core/options.ts";
import { RatioBudget, type RetryBudget, TokenBudget } from "../state/retry-budget.ts";

/** A retry budget that may be shared: pass the same value to every retry and hedge of one destination. */
export type SharedBudget = RetryBudget & DescribedCall;

export interface RetryBudgetOptions {
  /** Repetitions by calls, 0 to 1. Default 0.2. */
  readonly ratio?: number;
  /** Repetitions that the window always allows, for services with little traffic. Default 3. */
  readonly minimum?: number;
  /** How far it looks back. Default `"10s"`. */
  readonly window?: Duration;
}

/**
 * Allows repetitions up to a share of the calls, so that retries cannot multiply the load on a service that is down.
 *
 * Why not only a maximum of attempts: three layers that try three times each send 27 calls for one.
 *
 * @example
 * const budget = retryBudget({ ratio: 0.1 });
 * const reads = retry({ attempts: 3, budget });
 * const writes = retry({ attempts: 2, budget });
 */
export function retryBudget(options: RetryBudgetOptions = {}): SharedBudget {
  known(options, "retryBudget", ["ratio", "minimum", "window"]);
  const { ratio = 0.2, minimum = 3, window = "10s" } = options;
  const budget = new RatioBudget(
    between(0, 1)(ratio, "retryBudget: ratio"),
    between(0, 1_000_000)(minimum, "retryBudget: minimum"),
    span(window, "retryBudget: window"),
  );
  const table = { ratio: { named: true }, minimum: {}, window: { duration: true } } as const;
  return described(budget, { call: "retryBudget", given: options, table });
}

export interface TokenBudgetOptions {
  /** `aws`: a repetition costs, a success brings back. `grpc`: a failure costs, and half must be left. Default `"aws"`. */
  readonly kind?: "aws" | "grpc";
  /** Tokens at the start, and at most. Default 500 for `aws`, 10 for `grpc`. */
  readonly tokens?: number;
  /** Of one repetition (`aws`) or one failure (`grpc`). Default 5, or 1. */
  readonly cost?: number;
  /** Of one success. Default 1, or 0.1. */
  readonly gain?: number;
}

/**
 * Allows repetitions as long as a purse lasts, which failures empty and successes fill.
 *
 * Sources: the retry quota of the AWS SDKs; gRPC's A6, "Throttling configuration".
 *
 * @example
 * const policy = retry({ attempts: 4, budget: tokenBudget({ kind: "grpc" }) });
 */
export function tokenBudget(options: TokenBudgetOptions = {}): SharedBudget {
  known(options, "tokenBudget", ["kind", "tokens", "cost", "gain"]);
  const grpc = oneOf("aws", "grpc")(options.kind ?? "aws", "tokenBudget: kind") === "grpc";
  const { tokens = grpc ? 10 : 500, cost = grpc ? 1 : 5, gain = grpc ? 0.1 : 1 } = options;
  const positive = between(0.000001, 1_000_000);
  const budget = new TokenBudget(
    positive(tokens, "tokenBudget: tokens"),
    positive(cost, "tokenBudget: cost"),
    between(0, 1_000_000)(gain, "tokenBudget: gain"),
    grpc ? tokens / 2 : 0,
    grpc,
  );
  const table = { kind: { named: true }, tokens: {}, cost: {}, gain: {} } as const;
  return described(budget, { call: "tokenBudget", given: options, table });
}

function described(budget: RetryBudget, recipe: Chosen<"call">): SharedBudget {
  return Object.assign(budget, { recipe });
}

/** What `retry` and `hedge` take for a budget. */
export const asBudget: Check<RetryBudget, RetryBudget> = having("spend", "a budget such as retryBudget()");
