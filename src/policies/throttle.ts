import type { Changeable, Tunable } from "../core/adaptive.ts";
import { span, within } from "../core/check.ts";
import { judgeValue, pushesBack, type Verdict } from "../core/classify.ts";
import type { Clock } from "../core/clock.ts";
import { Context } from "../core/context.ts";
import type { Duration } from "../core/duration.ts";
import { RejectedError } from "../core/errors.ts";
import { between, count, settings, type Table } from "../core/options.ts";
import { definePolicy, type Policy, type Service } from "../core/policy.ts";
import { type RatioSnapshot, SuccessRatio } from "../state/success-ratio.ts";
import { judgeError } from "./verdict.ts";

export interface ThrottleOptions {
  /** Calls that may be made for each that the service accepts. Lower is stricter. Default 2. */
  readonly k?: Tunable<number>;
  /** How far it looks back. Keep it above the longest latency. Default 2 m. */
  readonly window?: Changeable<Duration>;
  /** The largest share of calls that it refuses; below 1, so that a recovery is seen. Default 0.9. */
  readonly maximumRejection?: Tunable<number>;
  /** Calls that the window must hold before any is refused. Default 10. */
  readonly minimumCalls?: Tunable<number>;
}

/** A throttle also keeps what it knows. */
export interface Throttle extends Policy {
  /** Plain JSON to restore from, without times: what the window holds. */
  snapshot(): RatioSnapshot;
  /** Goes on from what was known elsewhere, as if it happened with the next call. @throws RangeError for what is no snapshot */
  restore(snapshot: RatioSnapshot): void;
}

const table = {
  k: { check: between(1, 1_000), initial: 2 },
  window: { check: span, initial: "2m", contextless: true, duration: true },
  maximumRejection: { check: between(0, 0.999), initial: 0.9 },
  minimumCalls: { check: count(), initial: 10 },
} as const;

/** @internal The options of `throttle`, for tools. */
export const throttleOptions: Table = table;

/**
 * Refuses a growing share of calls while a service refuses most of them anyway.
 *
 * It knows no states: the share follows how many of the last calls were accepted, so that load goes down smoothly and
 * comes back smoothly. Why not only a circuit breaker: that is all or nothing, and an overloaded service can still do
 * part of the work. Failures and a 429 are refusals by the service; other neutral outcomes, such as a 404, are not. What
 * the caller gave up and what another policy refused counts as no call at all.
 *
 * @example
 * const policy = compose(throttle({ k: 1.5 }), retry(3));
 */
export function throttle(kOrOptions: number | ThrottleOptions = {}): Throttle {
  const chosen: ThrottleOptions = typeof kOrOptions === "object" ? kOrOptions : { k: kOrOptions };
  const { read, recipe } = settings("throttle", chosen, table);
  const ratio = new SuccessRatio(read.window(Context.begin()));

  /** Of the last call: a snapshot, which no call carries, goes by it too. */
  let clock: Clock | undefined;
  /** Until the next call: before the first one nobody knows by which clock. */
  let restored: RatioSnapshot | undefined;

  const policy = definePolicy(recipe, <Q, S>(next: Service<Q, S>) => {
    return function throttle(request: Q, context: Context): Promise<S> {
      const { environment } = context;
      clock = environment.clock;
      const began = clock.now();
      if (restored !== undefined) ratio.restore(restored, began);
      restored = undefined;
      ratio.resize(read.window(context), began);
      const probability = ratio.rejection(
        read.k(context),
        read.maximumRejection(context),
        read.minimumCalls(context),
        began,
      );
      ratio.begin(began);
      if (probability > 0 && environment.random() < probability) {
        ratio.refuse(began);
        context.emit({ type: "throttle.rejected", probability });
        const share = Math.round(probability * 100);
        return Promise.reject(
          new RejectedError("throttled", "throttle", `${share} % of calls are refused`, { context }),
        );
      }
      const answer = next(request, context);
      answer.then(
        (value) => {
          if (refused(judgeValue(environment, value))) ratio.refuse(began);
        },
        (error: unknown) => {
          const verdict = judgeError(error, context);
          if (verdict === undefined) ratio.withdraw(began);
          else if (refused(verdict)) ratio.refuse(began);
        },
      );
      return answer;
    };
  });

  return Object.assign(policy, {
    snapshot(): RatioSnapshot {
      const { requests, refused } = restored ?? { requests: 0, refused: 0 };
      if (clock === undefined) return { requests, refused };
      const known = ratio.snapshot(clock.now());
      return { requests: requests + known.requests, refused: refused + known.refused };
    },
    restore(snapshot: RatioSnapshot) {
      const { requests, refused } = Object(snapshot);
      within(requests, "restore: requests", 0, 1e15);
      within(refused, "restore: refused", 0, requests);
      restored = snapshot;
    },
  });
}

/** A success that says when to come back is a success all the same. */
function refused(verdict: Verdict): boolean {
  return verdict.kind === "failure" || (verdict.kind === "ignored" && pushesBack(verdict));
}
