import type { Tunable } from "../core/adaptive.ts";
import type { Context } from "../core/context.ts";
import type { Duration } from "../core/duration.ts";
import { RejectedError } from "../core/errors.ts";
import { as, count, duration, oneOf, settings } from "../core/options.ts";
import { platform } from "../core/platform.ts";
import { definePolicy, type Policy, type Service } from "../core/policy.ts";
import {
  Gcra,
  type Rate,
  type RateLimiter,
  type RateLimiterSnapshot,
  SlidingCounter,
  SlidingLog,
  TokenBucket,
} from "../state/rate-limiter.ts";

export type RateLimitAlgorithm = "token-bucket" | "gcra" | "sliding-log" | "sliding-counter";

export interface RateLimitOptions {
  /** Calls in each `per`. */
  readonly limit: Tunable<number>;
  /** Default 1 s. */
  readonly per?: Tunable<Duration>;
  /** Calls that may go at once (token bucket and GCRA). Default `limit`. */
  readonly burst?: Tunable<number>;
  /** How long a call may wait for its turn. Default 0: it is rejected. */
  readonly maximumWait?: Tunable<Duration>;
  /** Default `token-bucket`. */
  readonly algorithm?: RateLimitAlgorithm;
  /** A limiter of one's own, such as a distributed one; `limit`, `per`, `burst` and `algorithm` then only describe it. */
  readonly limiter?: RateLimiter;
}

/** A rate limit also tells what it has left. */
export interface RateLimit extends Policy {
  /** Calls that could go at once now. */
  readonly available: number;
  snapshot(): RateLimiterSnapshot;
  restore(snapshot: RateLimiterSnapshot): void;
}

const algorithms: Readonly<Record<RateLimitAlgorithm, new (rate: Rate) => RateLimiter>> = {
  "token-bucket": TokenBucket,
  gcra: Gcra,
  "sliding-log": SlidingLog,
  "sliding-counter": SlidingCounter,
};

const table = {
  limit: { check: count(), required: true },
  per: { check: duration, initial: "1s" },
  burst: { check: count() },
  maximumWait: { check: duration, initial: 0 },
  algorithm: {
    check: oneOf("token-bucket", "gcra", "sliding-log", "sliding-counter"),
    initial: "token-bucket",
    fixed: true,
  },
  limiter: { check: as<RateLimiter>(), fixed: true },
} as const;

/**
 * Lets so many calls go in so much time.
 *
 * A call over the limit is rejected with `rate-limited` and the time after which to come back, or waits for its turn if
 * `maximumWait` allows that; its deadline and its caller's abort end the wait, and its turn then goes back. Changing the
 * limit while it runs keeps what has been taken.
 *
 * @example
 * const policy = rateLimit({ limit: 100, per: "1m", burst: 20, maximumWait: "2s" });
 */
export function rateLimit(limitOrOptions: number | RateLimitOptions): RateLimit {
  const chosen: RateLimitOptions =
    typeof limitOrOptions === "number" ? { limit: limitOrOptions } : limitOrOptions;
  const { read, description } = settings("rateLimit", chosen, table);
  const { algorithm = "token-bucket" } = chosen;
  let rate: Rate | undefined;
  let limiter = chosen.limiter;
  let { clock } = platform;

  /** The limiter, at the rate that holds for this call. */
  function at(context: Context, now: number): RateLimiter {
    const limit = read.limit(context);
    const per = read.per(context);
    const burst = read.burst(context) ?? limit;
    if (limiter === undefined) {
      rate = { limit, per, burst };
      limiter = new algorithms[algorithm](rate);
    } else if (rate !== undefined && (rate.limit !== limit || rate.per !== per || rate.burst !== burst)) {
      rate = { limit, per, burst };
      limiter.adjust(rate, now);
    }
    return limiter;
  }

  const policy = definePolicy(description, <Q, S>(next: Service<Q, S>) => {
    return function rateLimit(request: Q, context: Context): Promise<S> {
      ({ clock } = context.environment);
      const now = clock.now();
      const patience = Math.min(read.maximumWait(context), context.remaining());
      const taken = at(context, now);
      const wait = taken.take(now, patience);
      if (wait === 0) return next(request, context);
      if (wait > patience) {
        context.emit({ type: "rate-limit.rejected", retryAfter: wait });
        const message = `over the limit, free again in ${Math.ceil(wait)} ms`;
        return Promise.reject(new RejectedError("rate-limited", "rateLimit", message, { retryAfter: wait }));
      }
      context.emit({ type: "rate-limit.waited", wait });
      return context.sleep(wait).then(
        () => next(request, context),
        (reason: unknown) => {
          taken.giveBack(clock.now());
          throw reason;
        },
      );
    };
  });
  return Object.defineProperties(
    Object.assign(policy, {
      snapshot: () => limiter?.snapshot(clock.now()),
      restore: (snapshot: RateLimiterSnapshot) => limiter?.restore(snapshot, clock.now()),
    }),
    { available: { get: () => limiter?.available(clock.now()), enumerable: true } },
  ) as unknown as RateLimit;
}
