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
  /**
   * What was sent ended well, or badly in a way that may pass.
   *
   * @param repeated whether it had been taken from the budget
   */
  settle(ok: boolean, now: number, repeated: boolean): void;
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
    const allowed = Math.max(this.#minimum, this.#ratio * this.#calls.sum(now));
    return Math.max(0, Math.floor(allowed - this.#spent.sum(now)));
  }
}

/**
 * A purse of tokens: repetitions or failures cost some, each success brings some back, and at a floor nothing is
 * repeated.
 *
 * Sources: gRPC A6 (10 tokens, a failure costs 1, a success brings 0.1, none at or below half) and the AWS SDKs' retry
 * quota (500 tokens, a retry costs 5 and brings them back when it succeeds, any other success brings 1).
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

  settle(ok: boolean, _now: number, repeated: boolean): void {
    if (ok) this.#fill(repeated && !this.#failureCosts ? this.#cost : this.#gain);
    else if (this.#failureCosts) this.#tokens = Math.max(0, this.#tokens - this.#cost);
  }

  available(): number {
    if (this.#failureCosts) return this.#tokens > this.#floor ? Infinity : 0;
    return Math.floor((this.#tokens - this.#floor) / this.#cost);
  }

  #fill(tokens: number): void {
    // In thousandths, as gRPC counts: else ten times 0.1 would not be 1.
    this.#tokens = Math.min(this.#most, Math.round((this.#tokens + tokens) * 1000) / 1000);
  }
}
