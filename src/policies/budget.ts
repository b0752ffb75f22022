import type { Changeable } from "../core/adaptive.ts";
import { span, within } from "../core/check.ts";
import type { Chosen, DescribedCall } from "../core/description.ts";
import type { Duration } from "../core/duration.ts";
import { between, oneOf, rulesOf, type Table } from "../core/options.ts";
import { type BudgetSnapshot, RatioBudget, type RetryBudget, TokenBudget } from "../state/retry-budget.ts";

/** A retry budget that may be shared: pass the same value to every retry and hedge of one destination. */
export type SharedBudget = RetryBudget & DescribedCall;

export interface RetryBudgetOptions {
  /** Repetitions by calls, 0 to 1. Default 0.2. */
  readonly ratio?: Changeable<number>;
  /** Repetitions that the window always allows, for services with little traffic. Default 3. */
  readonly minimum?: Changeable<number>;
  /** How far it looks back. Default `"10s"`. */
  readonly window?: Changeable<Duration>;
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
  const { rules, recipe } = rulesOf("retryBudget", options, ratioTable);
  return described(new RatioBudget(rules), recipe);
}

const ratioTable = {
  ratio: { check: between(0, 1), initial: 0.2, named: true },
  minimum: { check: between(0, 1_000_000), initial: 3 },
  window: { check: span, initial: "10s", duration: true },
} as const;

/** @internal The options of `retryBudget`, for tools. */
export const retryBudgetTable: Table = ratioTable;

/** A purse of tokens outlives its process, where a window of seconds need not. */
export interface Purse extends SharedBudget {
  /** Plain JSON to restore from. */
  snapshot(): BudgetSnapshot;
  /** @throws RangeError for what is no snapshot; all then stays as it was */
  restore(snapshot: BudgetSnapshot): void;
}

export interface TokenBudgetOptions {
  /** `aws`: a repetition costs, a success brings back. `grpc`: a failure costs, and half must be left. Default `"aws"`. */
  readonly kind?: "aws" | "grpc";
  /** Tokens at the start, and at most. Default 500 for `aws`, 10 for `grpc`. */
  readonly tokens?: Changeable<number>;
  /** Of one repetition (`aws`) or one failure (`grpc`). Default 5, or 1. */
  readonly cost?: Changeable<number>;
  /** Of one repetition after a timeout, when the service may still be at it; of `aws` only. Default: twice `cost`. */
  readonly timeoutCost?: Changeable<number>;
  /** Of one success. Default 1, or 0.1. */
  readonly gain?: Changeable<number>;
}

/**
 * Allows repetitions as long as a purse lasts, which failures empty and successes fill.
 *
 * Sources: the retry quota of the AWS SDKs; gRPC's A6, "Throttling configuration".
 *
 * @example
 * const policy = retry({ attempts: 4, budget: tokenBudget({ kind: "grpc" }) });
 */
export function tokenBudget(options: TokenBudgetOptions = {}): Purse {
  const grpc = options.kind === "grpc";
  const { rules, recipe } = rulesOf("tokenBudget", options, tokenTable(grpc));
  const budget = new TokenBudget(rules, grpc);
  return Object.assign(budget, {
    recipe,
    restore(snapshot: BudgetSnapshot) {
      within(Object(snapshot).gone, "restore: gone", 0, 1e15);
      TokenBudget.prototype.restore.call(budget, snapshot);
    },
  });
}

const positive = between(0.000001, 1_000_000);

function tokenTable(grpc: boolean) {
  return {
    kind: { check: oneOf("aws", "grpc"), initial: "aws", named: true, fixed: true },
    tokens: { check: positive, initial: grpc ? 10 : 500 },
    cost: { check: positive, initial: grpc ? 1 : 5 },
    // gRPC charges failures, whatever they are.
    ...(!grpc && { timeoutCost: { check: positive } }),
    gain: { check: between(0, 1_000_000), initial: grpc ? 0.1 : 1 },
  } as const;
}

/** @internal The options of `tokenBudget`, for tools, with the defaults of `aws`. */
export const tokenBudgetTable: Table = tokenTable(false);

function described(budget: RetryBudget, recipe: Chosen<"call">): SharedBudget {
  return Object.assign(budget, { recipe });
}
