import type { Clock } from "../core/clock.ts";
import { platform } from "../core/platform.ts";
import type { Rate, RateLimiter, RateLimiterSnapshot } from "../state/rate-limiter.ts";
import { Turns } from "../state/turns.ts";
import type { RateAlgorithm } from "./rate-algorithms.ts";

/** A limiter that follows the rate of each call, and its gauges. */
export class RateMeter {
  /** The clock of the last call: the gauges, which no call carries, use it too. */
  clock: Clock = platform.clock;
  /** The share of the rate in force. */
  share = 1;
  readonly #algorithm: RateAlgorithm;
  #turns: Turns | undefined;
  /** The rate that held for the last call. */
  rate: Rate = { limit: 0, per: 0, burst: 0 };
  /** What the limiter begins with: before the first call nobody knows by which clock. */
  #initial: RateLimiterSnapshot = { used: 0 };

  constructor(algorithm: RateAlgorithm, limiter: RateLimiter | undefined) {
    this.#algorithm = algorithm;
    if (limiter !== undefined) this.#turns = new Turns(limiter);
  }

  /** The turns of a limiter that was given, at the rate that it has. */
  get given(): Turns {
    return this.#turns as Turns;
  }

  /** The turns at the rate that holds for a call. */
  at(now: number, limit: number, per: number, burst: number, share: number): Turns {
    const { rate } = this;
    const same = rate.limit === limit && rate.per === per && rate.burst === burst;
    if (same && share === this.share) return this.#turns as Turns;
    this.rate = { limit, per, burst };
    this.share = share;
    const wanted = shareOf(this.rate, share);
    if (this.#turns !== undefined) this.#turns.limiter.adjust(wanted, now);
    else this.#turns = new Turns(this.#begin(wanted, now));
    return this.#turns;
  }

  /** @param rate what holds when there has been no call yet */
  available(rate: () => Rate): number {
    return this.#turns?.limiter.available(this.clock.now()) ?? this.#begin(rate(), 0).available(0);
  }

  snapshot(): RateLimiterSnapshot {
    return this.#turns?.limiter.snapshot(this.clock.now()) ?? this.#initial;
  }

  restore(snapshot: RateLimiterSnapshot): void {
    if (this.#turns === undefined) this.#initial = snapshot;
    else this.#turns.limiter.restore(snapshot, this.clock.now());
  }

  #begin(rate: Rate, now: number): RateLimiter {
    const limiter = this.#algorithm.limiter(rate);
    limiter.restore(this.#initial, now);
    return limiter;
  }
}

/** A share of a rate: whole calls, in as much more time as makes up for the fraction. */
function shareOf({ limit, per, burst }: Rate, share: number): Rate {
  if (share === 1) return { limit, per, burst };
  const exact = limit * share;
  const whole = Math.max(1, Math.floor(exact));
  return { limit: whole, per: (per * whole) / exact, burst: Math.max(1, Math.floor(burst * share)) };
}
