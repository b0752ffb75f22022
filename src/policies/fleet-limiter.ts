import type { Context } from "../core/context.ts";
import { kindOf } from "../core/events.ts";
import { LeasedLimiter } from "../state/leased-limiter.ts";
import type { Rate, RateLimiter } from "../state/rate-limiter.ts";
import type { Store } from "../state/sync.ts";
import { lossOf } from "./loss.ts";

/**
 * A rate limit's share in a fleet's: hands out what is leased, and talks to the home in the background.
 *
 * No call waits for the home. When a report is due, the call that notices starts it and goes on.
 */
export class FleetLimiter {
  readonly #name: string;
  readonly #store: Store;
  #limiter = new LeasedLimiter({ limit: 1, per: 1, burst: 1 });

  constructor(name: string, store: Store) {
    this.#name = `${name}:limit`;
    this.#store = store;
  }

  /** The limiter, at the rate of the whole fleet. */
  limiter(rate: Rate): RateLimiter {
    this.#limiter = new LeasedLimiter(rate);
    return this.#limiter;
  }

  /** A call rides by: where a report is due, it goes along. */
  ride(context: Context, now: number): void {
    if (this.#limiter.due(now)) context.environment.waitUntil(this.#sync(context, now));
  }

  async #sync(context: Context, sentAt: number): Promise<void> {
    const limiter = this.#limiter;
    const { clock, random } = context.environment;
    const circuit = this.#name;
    const { hangs } = limiter;
    if (hangs !== undefined) context.emit({ type: "store.failed", circuit, kind: "timeout", retryIn: hangs });
    const report = limiter.report(sentAt, () => random().toString(36).slice(2, 12));
    try {
      const view = await this.#store.sync(circuit, report, ignore);
      if (view.kind !== "limiter") throw new TypeError("the home holds something else under this name");
      limiter.answered(report, view, sentAt, clock.now(), random());
    } catch (error) {
      const retryIn = limiter.lost(report, clock.now(), lossOf(error), random());
      if (retryIn === undefined) return;
      context.emit({ type: "store.failed", circuit, kind: kindOf(error), retryIn });
    }
  }
}

/** What others hear of a rate limit is nothing that could not wait for this replica's own report. */
function ignore(): void {}
