import { RollingSum } from "./rolling-sum.ts";

/**
 * Client-side throttling: how likely a call should be refused here because the service refuses most of them anyway.
 *
 * Source: Google's Site Reliability Engineering, chapter 21, "Client-side throttling":
 * p = max(0, (requests - K × accepts) / (requests + 1)), over two minutes, with `requests` counted before sending.
 */
export class SuccessRatio {
  readonly #requests: RollingSum;
  readonly #accepts: RollingSum;

  /** @param window milliseconds that it looks back */
  constructor(window: number) {
    this.#requests = new RollingSum(window);
    this.#accepts = new RollingSum(window);
  }

  /** Counts a call, whether it is then sent or not. */
  request(now: number): void {
    this.#requests.add(1, now);
  }

  /** The service took a call. */
  accept(now: number): void {
    this.#accepts.add(1, now);
  }

  /**
   * The probability with which to refuse the next call.
   *
   * @param k calls that may be made for each that is accepted
   * @param most the cap, below 1, so that a recovery is seen
   */
  rejection(k: number, most: number, now: number): number {
    const requests = this.#requests.sum(now);
    const share = (requests - k * this.#accepts.sum(now)) / (requests + 1);
    return Math.min(most, Math.max(0, share));
  }
}
