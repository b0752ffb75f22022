import type { Tunable } from "../core/adaptive.ts";
import { judgeValue } from "../core/classify.ts";
import type { Context } from "../core/context.ts";
import type { Duration } from "../core/duration.ts";
import { RejectedError } from "../core/errors.ts";
import { between, duration, settings } from "../core/options.ts";
import { definePolicy, type Policy, type Service } from "../core/policy.ts";
import { SuccessRatio } from "../state/success-ratio.ts";

export interface ThrottleOptions {
  /** Calls that may be made for each that the service accepts. Lower is stricter. Default 2. */
  readonly k?: Tunable<number>;
  /** How far it looks back. Keep it above the longest latency. Default 2 m. */
  readonly window?: Duration;
  /** The largest share of calls that it refuses; below 1, so that a recovery is seen. Default 0.9. */
  readonly maximumRejection?: Tunable<number>;
}

const table = {
  k: { check: between(1, 1_000), initial: 2 },
  window: { check: duration, initial: "2m", fixed: true },
  maximumRejection: { check: between(0, 0.999), initial: 0.9 },
} as const;

/**
 * Refuses a growing share of calls while a service refuses most of them anyway.
 *
 * It knows no states: the share follows how many of the last calls were accepted, so that load goes down smoothly and
 * comes back smoothly. Why not only a circuit breaker: that is all or nothing, and an overloaded service can still do
 * part of the work.
 *
 * @example
 * const policy = compose(throttle({ k: 1.5 }), retry(3));
 */
export function throttle(options: ThrottleOptions = {}): Policy {
  const { read, description } = settings("throttle", options, table);
  const ratio = new SuccessRatio(duration(options.window ?? "2m", "throttle: window"));

  return definePolicy(description, <Q, S>(next: Service<Q, S>) => {
    return function throttle(request: Q, context: Context): Promise<S> {
      const { clock, random } = context.environment;
      const now = clock.now();
      const probability = ratio.rejection(read.k(context), read.maximumRejection(context), now);
      ratio.request(now);
      if (probability > 0 && random() < probability) {
        context.emit({ type: "throttle.rejected", probability });
        const share = Math.round(probability * 100);
        return Promise.reject(new RejectedError("throttled", "throttle", `${share} % of calls are refused`));
      }
      return next(request, context).then(
        (value) => {
          if (judgeValue(context.environment, value).kind !== "failure") ratio.accept(clock.now());
          return value;
        },
        (error: unknown) => {
          // What says nothing of the service must not make it look as if it refused.
          if (context.leg.aborted || context.environment.classify({ error }).kind !== "failure") {
            ratio.accept(clock.now());
          }
          throw error;
        },
      );
    };
  });
}
