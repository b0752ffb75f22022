import { within } from "../core/check.ts";
import type { Clock } from "../core/clock.ts";
import { platform } from "../core/platform.ts";
import type { Rate, RateLimiter, RateLimiterSnapshot } from "../state/rate-limiter.ts";
import { Turns } from "../state/turns.ts";
import type { RateAlgorithm } from "./rate-algorithms.ts";

/** Makes a limiter: an algorithm, or a fleet that shares one. */
type LimiterMaker = Pick<RateAlgorithm, "limiter">;

/** A limiter that follows the rate of each call, and its gauges. */
export class RateMeter {
  /** The clock of the last call: the gauges, which no call carries, use it too. */
  clock: Clock = platform.clock;
  readonly #maker: LimiterMaker;
  #turns: Turns | undefined;
  /** The rate that held for the last call. */
  #rate: Rate | undefined;
  /** What the limiter begins with: before the first call nobody knows by which clock. */
  #initial: RateLimiterSnapshot = { used: 0 };

  constructor(maker: LimiterMaker, limiter: RateLimiter | undefined) {
    this.#maker = maker;
    if (limiter !== undefined) this.#turns = new Turns(limiter);
  }

  /** The turns at the rate that holds for a call: without one, that of the limiter which was given. */
  at(rate: Rate | undefined, now: number): Turns {
    const before = this.#rate;
    this.#rate = rate;
    if (rate?.limit !== before?.limit || rate?.per !== before?.per || rate?.burst !== before?.burst) {
      if (this.#turns !== undefined) this.#turns.limiter.adjust(rate as Rate, now);
      else this.#turns = new Turns(this.#begin(rate as Rate, now));
    }
    return this.#turns as Turns;
  }

  /** @param rate what holds when there has been no call yet */
  available(rate: () => Rate): number {
    return this.#turns?.limiter.available(this.clock.now()) ?? this.#begin(rate(), 0).available(0);
  }

  snapshot(): RateLimiterSnapshot {
    return this.#turns?.limiter.snapshot(this.clock.now()) ?? this.#initial;
  }

  restore(snapshot: RateLimiterSnapshot): void {
    within(Object(snapshot).used, "restore: used", 0, 1e15);
    if (this.#turns === undefined) this.#initial = { used: snapshot.used };
    else this.#turns.limiter.restore(snapshot, this.clock.now());
  }

  #begin(rate: Rate, now: number): RateLimiter {
    const limiter = this.#maker.limiter(rate);
    limiter.restore(this.#initial, now);
    return limiter;
  }
}
