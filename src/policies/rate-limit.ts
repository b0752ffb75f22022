import { isAdaptive, type Tunable } from "../core/adaptive.ts";
import { span } from "../core/check.ts";
import { Context } from "../core/context.ts";
import type { Duration } from "../core/duration.ts";
import { RejectedError } from "../core/errors.ts";
import { count, duration, having, settings, type Table, text } from "../core/options.ts";
import { definePolicy, type Policy, type Service } from "../core/policy.ts";
import { type Rate, type RateLimiter, type RateLimiterSnapshot, rounding } from "../state/rate-limiter.ts";

import type { Turn } from "../state/turns.ts";

import type { SharedStore } from "./fleet.ts";

import { type RateAlgorithm, tokenBucket } from "./rate-algorithms.ts";
import type { RateFeedback } from "./rate-feedback.ts";
import { RateMeter } from "./rate-meter.ts";

export interface RateLimitOptions {
  /** Calls in each `per`. Required, unless there is a `limiter`, to which it is then handed when it changes. */
  readonly limit?: Tunable<number>;
  /** Default 1 s. */
  readonly per?: Tunable<Duration>;
  /** Calls that may go at once, for `tokenBucket` and `gcra`. Default `limit`. */
  readonly burst?: Tunable<number>;
  /** How long a call may wait for its turn. Default 0: it is rejected. */
  readonly maximumWait?: Tunable<Duration>;
  /** Default `tokenBucket()`. */
  readonly algorithm?: RateAlgorithm;
  /** A limiter of one's own, such as one that leases permits from elsewhere. Default: one of `algorithm`. */
  readonly limiter?: RateLimiter;
  /** How the rate follows what the service says, such as `aimdRate()`. Default: it does not. */
  readonly feedback?: RateFeedback;
  /** The name under which the limit is shared. Default `rate-limit`. */
  readonly name?: string;
  /** The home that leases the limit to tabs, isolates or processes; `limit` is then that of them all. Default: it is alone. */
  readonly shared?: SharedStore;
}

/** Plain JSON, without times: the permits that are taken, and with `feedback` what the service was found to bear. */
export interface RateLimitSnapshot extends RateLimiterSnapshot {
  /** The share of the limit in force. Default 1. */
  readonly share?: number;
  /** Milliseconds for which the service asked that nothing goes. Default 0. */
  readonly pause?: number;
}

/** A rate limit also tells what it has left, and keeps it over a restart. */
export interface RateLimit extends Policy {
  /** Calls that could go at once now. */
  readonly available: number;
  /** The share of `limit` in force, below 1 while `feedback` holds it down. */
  readonly share: number;
  /** Plain JSON to restore from, without times. */
  snapshot(): RateLimitSnapshot;
  /** @throws RangeError for what is no snapshot; all then stays as it was */
  restore(snapshot: RateLimitSnapshot): void;
}

const table = {
  limit: { check: count() },
  per: { check: span, initial: "1s", duration: true },
  burst: { check: count() },
  maximumWait: { check: duration, initial: 0 },
  algorithm: {
    check: having<RateAlgorithm>("limiter", "an algorithm such as gcra()"),
    initial: tokenBucket(),
    fixed: true,
  },
  limiter: { check: having<RateLimiter>("take", "a RateLimiter"), fixed: true },
  feedback: { check: having<RateFeedback>("follower", "a feedback such as aimdRate()"), fixed: true },
  name: { check: text, initial: "rate-limit", fixed: true },
  shared: { check: having<SharedStore>("limiter", "a home such as memoryStore()"), fixed: true },
} as const;

/** @internal The options of `rateLimit`, for tools. */
export const rateLimitOptions: Table = table;

/**
 * Lets so many calls go in so much time.
 *
 * A call over the limit is rejected with `rate-limited` and the time after which to come back, or waits for its turn if
 * `maximumWait` and its own deadline allow that. Its caller's abort ends the wait at once, and its turn goes to the next
 * call that comes. Changing the limit while it runs keeps what has been taken. With `feedback` the rate goes down when the
 * service asks for less, and up again by and by.
 *
 * @example
 * const policy = rateLimit({ limit: 100, per: "1m", burst: 20, maximumWait: "2s" });
 */
export function rateLimit(limitOrOptions: Tunable<number> | RateLimitOptions): RateLimit {
  const chosen: RateLimitOptions =
    typeof limitOrOptions !== "object" || isAdaptive(limitOrOptions)
      ? { limit: limitOrOptions as Tunable<number> }
      : limitOrOptions;
  const { read, recipe } = settings("rateLimit", chosen, table);
  const { algorithm = table.algorithm.initial, limiter } = chosen;
  refuseContradictions(chosen, algorithm);
  const fleet = chosen.shared?.limiter(chosen.name ?? table.name.initial);
  const meter = new RateMeter(fleet ?? algorithm, limiter);
  const follower = chosen.feedback?.follower((rate, now) => meter.at(rate, now));

  /** What the options say for a call; nothing when the limiter has a rate of its own. */
  function rateFor(context: Context): Rate | undefined {
    const limit = read.limit(context);
    if (limit === undefined) return undefined;
    return { limit, per: read.per(context), burst: read.burst(context) ?? limit };
  }

  const policy = definePolicy(recipe, <Q, S>(next: Service<Q, S>) => {
    function send(request: Q, context: Context, now: number): Promise<S> {
      const answer = next(request, context);
      follower?.hear(answer, context, now);
      return answer;
    }

    /** @param came when the call came, from which its patience counts */
    function enter(request: Q, context: Context, came: number, now: number): Promise<S> {
      const most = read.maximumWait(context);
      const patience = most === 0 ? 0 : Math.min(came + most - now, context.remaining());
      const whole = rateFor(context);
      const rate = whole && follower ? follower.scaled(whole, context, now) : whole;
      const turns = meter.at(rate, now);
      const wait = turns.take(now, patience, follower?.pausedUntil ?? now);
      fleet?.ride(context, now);
      if (wait === 0) return send(request, context, now);
      if (wait > patience) {
        const retryAfter = Math.ceil(wait - rounding);
        context.emit({ type: "rate-limit.rejected", retryAfter, ...rate });
        const message = `over the limit, free again in ${retryAfter} ms`;
        const details = { retryAfter, context };
        return Promise.reject(new RejectedError("rate-limited", "rateLimit", message, details));
      }
      context.emit({ type: "rate-limit.waited", wait, ...rate });
      const turn = turns.latest as Turn;
      const { clock } = context.environment;
      return context.sleep(wait).then(
        () => {
          const woken = clock.now();
          // What the service said meanwhile holds for those that wait, too.
          return (follower?.pausedUntil ?? woken) > woken
            ? enter(request, context, came, woken)
            : send(request, context, woken);
        },
        (reason: unknown) => {
          turns.giveBack(turn, clock.now());
          throw reason;
        },
      );
    }

    return function rateLimit(request: Q, context: Context): Promise<S> {
      meter.clock = context.environment.clock;
      const now = meter.clock.now();
      return enter(request, context, now, now);
    };
  });

  const memory = {
    snapshot: () => (follower ?? meter).snapshot(meter),
    restore: (snapshot: RateLimitSnapshot) => (follower ?? meter).restore(snapshot, meter),
  };
  return Object.defineProperties(Object.assign(policy, memory), {
    available: { get: () => meter.available(() => rateFor(Context.begin()) as Rate), enumerable: true },
    share: { get: () => follower?.share ?? 1, enumerable: true },
  }) as RateLimit;
}

/** @throws TypeError for options that say different things, RangeError when nothing says how many calls may go */
function refuseContradictions(chosen: RateLimitOptions, { bursts, recipe }: RateAlgorithm): void {
  const { limit, limiter, burst } = chosen;
  const refuse = (option: string | undefined, other: string): void => {
    if (option) throw new TypeError(`rateLimit: ${option} does not go with ${other}`);
  };
  if (chosen.shared !== undefined) {
    refuse(
      (["algorithm", "limiter"] as const).find((name) => chosen[name] !== undefined),
      "shared",
    );
  }
  if (limiter === undefined) {
    if (limit === undefined) count()(limit as never, "rateLimit: limit");
    if ((isAdaptive(burst) ? burst.get() : burst) !== undefined && !bursts) refuse("burst", recipe.call);
  } else {
    if (chosen.algorithm !== undefined) refuse("algorithm", "limiter");
    const idle = (["per", "burst", "feedback"] as const).find((name) => name in chosen);
    if (limit === undefined) refuse(idle, "a limiter without limit");
  }
}
