import type { DescribedCall } from "../core/description.ts";
import { Gcra } from "../state/gcra.ts";
import type { Rate, RateLimiter } from "../state/rate-limiter.ts";
import { SlidingCounter } from "../state/sliding-counter.ts";
import { SlidingLog } from "../state/sliding-log.ts";
import { TokenBucket } from "../state/token-bucket.ts";

/** How a rate limit decides; it makes a limiter for each policy that uses it. */
export interface RateAlgorithm extends DescribedCall {
  /** Whether it knows of `burst`: a sliding window has its limit only. */
  readonly bursts: boolean;
  limiter(rate: Rate): RateLimiter;
}

/** Up to `burst` calls at once, then `limit` in each `per` evenly; at most `burst + limit` in any `per`. */
export function tokenBucket(): RateAlgorithm {
  return algorithm("tokenBucket", TokenBucket, true);
}

/** Decides as `tokenBucket` does, from one number: the form to keep in a store. */
export function gcra(): RateAlgorithm {
  return algorithm("gcra", Gcra, true);
}

/** Never more than `limit` calls in any `per`, exactly; remembers each of them, 8 bytes a call. */
export function slidingLog(): RateAlgorithm {
  return algorithm("slidingLog", SlidingLog, false);
}

/** About `limit` calls in any `per`, and never twice as many, from two counters whatever the limit. */
export function slidingCounter(): RateAlgorithm {
  return algorithm("slidingCounter", SlidingCounter, false);
}

function algorithm(call: string, Limiter: new (rate: Rate) => RateLimiter, bursts: boolean): RateAlgorithm {
  return { recipe: { call, given: {}, table: {} }, bursts, limiter: (rate) => new Limiter(rate) };
}
