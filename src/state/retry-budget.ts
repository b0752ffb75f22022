import { RollingSum } from "./rolling-sum.ts";

/**
 * How much repetition a destination can bear: retries and hedges ask it, whatever policy they belong to.
 *
 * Time comes in as milliseconds.
 */
export interface RetryBudget {
  /** A call went out for the first time. */
  begin(now: number): void;
  /**
   * Whether one more may be sent; takes it from the budget.
   *
   * @param afterTimeout whether the one before was cut off by a timeout, so that the service may still be at it
   */
  spend(now: number, afterTimeout?: boolean): boolean;
  /**
   * What was sent ended well, or badly in a way that may pass.
   *
   * @param repeated whether it had been taken from the budget
   * @param afterTimeout as it had been taken
   */
  settle(ok: boolean, repeated: boolean, afterTimeout?: boolean): void;
  /** Repetitions that could be sent now. */
  available(now: number): number;
}

/** Read at each use, so that they may change while it runs. */
export interface RatioBudgetRules {
  /** Repetitions by calls, such as 0.2. */
  readonly ratio: number;
  /** Repetitions that the window always allows. */
  readonly minimum: number;
  /** Milliseconds that it looks back. */
  readonly window: number;
}

/**
 * Repeats at most a share of the calls of the last seconds, and always a few.
 *
 * Source: Finagle's RetryBudget (20 % and 10 a second, over 10 s) and Envoy's retry_budget (20 %, at least 3).
 */
export class RatioBudget implements RetryBudget {
  readonly #rules: RatioBudgetRules;
  readonly #calls: RollingSum;
  readonly #spent: RollingSum;

  constructor(rules: RatioBudgetRules) {
    this.#rules = rules;
    this.#calls = new RollingSum(rules.window);
    this.#spent = new RollingSum(rules.window);
  }

  begin(now: number): void {
    this.#calls.add(1, now);
  }

  spend(now: number): boolean {
    if (this.available(now) < 1) return false;
    this.#spent.add(1, now);
    return true;
  }

  settle(): void {
    // Only how many calls there were counts, not how they ended.
  }

  available(now: number): number {
    const { ratio, minimum, window } = this.#rules;
    this.#calls.resize(window, now);
    this.#spent.resize(window, now);
    const allowed = Math.max(minimum, ratio * this.#calls.sum(now));
    return Math.max(0, Math.floor(allowed - this.#spent.sum(now)));
  }
}

/** Plain JSON: the tokens that are gone. */
export interface BudgetSnapshot {
  readonly gone: number;
}

/** Read at each use, so that they may change while it runs. */
export interface TokenBudgetRules {
  /** Tokens at the start, and at most. */
  readonly tokens: number;
  /** Of one repetition, or of one failure. */
  readonly cost: number;
  /** Of one repetition after a timeout. Missing: twice `cost`. */
  readonly timeoutCost?: number | undefined;
  /** Of one success. */
  readonly gain: number;
}

/**
 * A purse of tokens: repetitions or failures cost some, each success brings some back, and at a floor nothing is
 * repeated.
 *
 * Sources: gRPC A6 (10 tokens, a failure costs 1, a success brings 0.1, none at or below half) and the AWS SDKs' retry
 * quota (500 tokens, a retry costs 5, after a timeout 10, and brings them back when it succeeds; any other success brings 1).
 */
export class TokenBudget implements RetryBudget {
  readonly #rules: TokenBudgetRules;
  readonly #failureCosts: boolean;
  /** Tokens that are gone: those are kept when there are more or fewer of them in all. */
  #gone = 0;

  /** @param failureCosts whether failures are charged, as gRPC does, and not repetitions, as AWS does */
  constructor(rules: TokenBudgetRules, failureCosts: boolean) {
    this.#rules = rules;
    this.#failureCosts = failureCosts;
  }

  begin(): void {
    // What is begun costs nothing; how it ends does.
  }

  spend(_now?: number, afterTimeout?: boolean): boolean {
    if (this.#failureCosts) return this.available() > 0;
    const price = this.#price(afterTimeout);
    if (this.#rules.tokens - this.#gone < price) return false;
    this.#gone += price;
    return true;
  }

  settle(ok: boolean, repeated: boolean, afterTimeout?: boolean): void {
    const { tokens, cost, gain } = this.#rules;
    if (ok) this.#fill(repeated && !this.#failureCosts ? this.#price(afterTimeout) : gain);
    else if (this.#failureCosts) this.#gone = Math.min(tokens, this.#gone + cost);
  }

  available(): number {
    const { tokens, cost } = this.#rules;
    // gRPC wants more than half of them left.
    if (this.#failureCosts) return tokens - this.#gone > tokens / 2 ? Infinity : 0;
    return Math.max(0, Math.floor((tokens - this.#gone) / cost));
  }

  #price(afterTimeout: boolean | undefined): number {
    const { cost, timeoutCost = 2 * cost } = this.#rules;
    return afterTimeout ? timeoutCost : cost;
  }

  snapshot(): BudgetSnapshot {
    return { gone: this.#gone };
  }

  restore({ gone }: BudgetSnapshot): void {
    this.#gone = gone;
  }

  #fill(tokens: number): void {
    // In thousandths, as gRPC counts: else ten times 0.1 would not be 1.
    this.#gone = Math.max(0, Math.round((this.#gone - tokens) * 1000) / 1000);
  }
}
