import { RollingSum } from "./rolling-sum.ts";

/** Plain JSON: calls of the window, and those of them that were not accepted. */
export interface RatioSnapshot {
  readonly requests: number;
  readonly refused: number;
}

/**
 * Client-side throttling: how likely a call should be refused here because the service refuses most of them anyway.
 *
 * A call counts from before it is sent, in the moment in which it began. Until it ends it is taken for accepted: else a
 * burst at the start, when nothing has been accepted yet, would be refused by itself.
 *
 * Source: Google's Site Reliability Engineering, chapter 21, "Client-side throttling":
 * p = max(0, (requests - K × accepts) / (requests + 1)), over two minutes.
 */
export class SuccessRatio {
  readonly #requests: RollingSum;
  readonly #refused: RollingSum;

  /** @param window milliseconds that it looks back */
  constructor(window: number) {
    this.#requests = new RollingSum(window);
    this.#refused = new RollingSum(window);
  }

  /** Looks back on another span from now on. */
  resize(window: number, now: number): void {
    this.#requests.resize(window, now);
    this.#refused.resize(window, now);
  }

  /** A call begins, whether it is then sent or not. */
  begin(now: number): void {
    this.#requests.add(1, now);
  }

  /** A call that began then was not accepted: by the service, or here. */
  refuse(began: number): void {
    this.#refused.add(1, began);
  }

  /** A call that began then says nothing of the service. */
  withdraw(began: number): void {
    this.#requests.add(-1, began);
  }

  /**
   * The probability with which to refuse the next call.
   *
   * @param k calls that may be made for each that is accepted
   * @param most the cap, below 1, so that a recovery is seen
   * @param minimum calls without which it says nothing
   */
  rejection(k: number, most: number, minimum: number, now: number): number {
    const refused = this.#refused.sum(now);
    if (refused === 0) return 0;
    const requests = this.#requests.sum(now);
    if (requests < minimum) return 0;
    const share = (requests - k * (requests - refused)) / (requests + 1);
    return Math.min(most, Math.max(0, share));
  }

  snapshot(now: number): RatioSnapshot {
    return { requests: this.#requests.sum(now), refused: this.#refused.sum(now) };
  }

  /** Adds what was known elsewhere, as if all of it had begun now. */
  restore({ requests, refused }: RatioSnapshot, now: number): void {
    this.#requests.add(requests, now);
    this.#refused.add(refused, now);
  }
}
