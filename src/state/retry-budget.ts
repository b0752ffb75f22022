import { RollingSum } from "./rolling-sum.ts";

/**
 * How much repetition a destination can bear: retries and hedges ask it, whatever policy they belong to.
 *
 * Time comes in as milliseconds.
 */
export interface RetryBudget {
  /** A call went out for the first time. */
  begin(now: number): void;
  /** Whether one more may be sent; takes it from the budget. */
  spend(now: number): boolean;
  /** A call ended well, or badly in a way that may pass. */
  settle(ok: boolean, now: number): void;
  /** Repetitions that could be sent now. */
  available(now: number): number;
}

/**
 * Repeats at most a share of the calls of the last seconds, and always a few.
 *
 * Source: Finagle's RetryBudget (20 % and 10 a second, over 10 s) and Envoy's retry_budget (20 %, at least 3).
 */
export class RatioBudget implements RetryBudget {
  readonly #ratio: number;
  readonly #minimum: number;
  readonly #calls: RollingSum;
  readonly #spent: RollingSum;

  /**
   * @param ratio repetitions by calls, such as 0.2
   * @param minimum repetitions that the window always allows
   * @param window milliseconds that it looks back
   */
  constructor(ratio: number, minimum: number, window: number) {
    this.#ratio = ratio;
    this.#minimum = minimum;
    this.#calls = new RollingSum(window);
    this.#spent = new RollingSum(window);
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
    return Math.max(this.#minimum, this.#ratio * this.#calls.sum(now)) - this.#spent.sum(now);
  }
}

/**
 * A purse of tokens: each repetition costs some, each success brings some back, and below a floor nothing is repeated.
 *
 * Sources: gRPC A6 (10 tokens, failure costs 1, success brings 0.1, none at or below half) and AWS SDKs (500 tokens, a
 * retry costs 5, a success brings 1).
 */
export class TokenBudget implements RetryBudget {
  readonly #most: number;
  readonly #cost: number;
  readonly #gain: number;
  readonly #floor: number;
  readonly #failureCosts: boolean;
  #tokens: number;

  /**
   * @param most tokens at the start, and at most
   * @param cost of one repetition, or of one failure with `failureCosts`
   * @param gain of one success
   * @param floor tokens that must be left over: repetition stops at or below it
   * @param failureCosts whether failures are charged, as gRPC does, and not repetitions, as AWS does
   */
  constructor(most: number, cost: number, gain: number, floor: number, failureCosts: boolean) {
    this.#most = most;
    this.#cost = cost;
    this.#gain = gain;
    this.#floor = floor;
    this.#failureCosts = failureCosts;
    this.#tokens = most;
  }

  begin(): void {
    // What is begun costs nothing; how it ends does.
  }

  spend(): boolean {
    if (this.available() < 1) return false;
    if (!this.#failureCosts) this.#tokens -= this.#cost;
    return true;
  }

  settle(ok: boolean): void {
    if (ok) this.#tokens = Math.min(this.#most, this.#tokens + this.#gain);
    else if (this.#failureCosts) this.#tokens = Math.max(0, this.#tokens - this.#cost);
  }

  available(): number {
    if (this.#failureCosts) return this.#tokens > this.#floor ? Infinity : 0;
    return Math.floor((this.#tokens - this.#floor) / this.#cost);
  }
}
