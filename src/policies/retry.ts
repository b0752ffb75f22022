import { type Tunable, tunable } from "../core/adaptive.ts";
import { known, whole } from "../core/check.ts";
import { judgeValue, type Outcome, type Verdict } from "../core/classify.ts";
import type { Context } from "../core/context.ts";
import { argument, durationArgument, given } from "../core/description.ts";
import { type Duration, milliseconds } from "../core/duration.ts";
import { kindOf } from "../core/events.ts";
import { definePolicy, type Policy, type Service } from "../core/policy.ts";
import { start } from "../core/start.ts";
import { type Backoff, checkJitter, exponential, type Jitter, spread } from "./backoff.ts";

export interface RetryOptions {
  /** Calls in all, the first included. Default 3. */
  readonly attempts?: Tunable<number>;
  /** Default `exponential("100ms")`. */
  readonly backoff?: Backoff;
  /** Default `full`. */
  readonly jitter?: Jitter;
  /** No wait is longer, not even one that the other side asks for. Default 30 s. */
  readonly maximumDelay?: Tunable<Duration>;
  /** No wait begins that would end later than this after the first attempt began. Default: no bound but the deadline. */
  readonly within?: Tunable<Duration>;
  /** Which failures to repeat. Default: those that the environment's `classify` calls retryable. */
  readonly retryOn?: (outcome: Outcome, verdict: Verdict) => boolean;
}

const checkAttempts = (value: number): number => whole(value, "retry: attempts");
const checkMaximumDelay = (value: Duration): number => milliseconds(value, "retry: maximumDelay");
const checkWithin = (value: Duration): number => milliseconds(value, "retry: within");

const options = ["attempts", "backoff", "jitter", "maximumDelay", "within", "retryOn"] as const;

/**
 * Calls again when a call fails in a way that may pass.
 *
 * A failing value (a 503) is discarded before the next attempt and returned after the last one; an error is thrown as it
 * is. The wait between attempts ends at once when the caller aborts, is at least what the other side asked for
 * (`Retry-After`), and does not begin if it would outlive the deadline. A rejection by another policy is not repeated,
 * save a timeout; nor is a request that must not be repeated, once it has gone out.
 *
 * @example
 * const policy = retry({ attempts: 5, backoff: exponential("50ms"), jitter: "equal" });
 */
export function retry(attemptsOrOptions: number | RetryOptions = {}): Policy {
  const chosen: RetryOptions =
    typeof attemptsOrOptions === "number" ? { attempts: attemptsOrOptions } : attemptsOrOptions;
  known(chosen, "retry", options);
  const attempts = tunable(chosen.attempts ?? 3, checkAttempts);
  const backoff = chosen.backoff ?? exponential("100ms");
  const jitter = checkJitter(chosen.jitter ?? "full");
  const longest = tunable(chosen.maximumDelay ?? "30s", checkMaximumDelay);
  const total = chosen.within === undefined ? undefined : tunable(chosen.within, checkWithin);
  const { retryOn } = chosen;

  const description = {
    policy: "retry",
    arguments: given(
      argument(chosen.attempts),
      argument(chosen.backoff, "backoff"),
      argument(chosen.jitter, "jitter"),
      durationArgument(chosen.maximumDelay, "maximumDelay"),
      durationArgument(chosen.within, "within"),
      argument(retryOn, "retryOn"),
    ),
  };

  function repeats(outcome: Outcome, verdict: Verdict, context: Context): boolean {
    if (context.leg.aborted || !context.maySend || verdict.kind === "success") return false;
    return retryOn === undefined ? verdict.retryable : retryOn(outcome, verdict);
  }

  return definePolicy(description, <Q, S>(next: Service<Q, S>) => {
    return function retry(request: Q, context: Context): Promise<S> {
      const { environment } = context;
      const started = total === undefined ? 0 : environment.clock.now();
      return attempt(1);

      function attempt(number: number): Promise<S> {
        const inner = number === context.attempt ? context : context.withAttempt(number);
        return start(next, request, inner).then(
          (value) => {
            const verdict = judgeValue(environment, value);
            if (verdict.kind === "success") return value;
            const again = plan(number, { value }, verdict, "value");
            if (again === undefined) return value;
            environment.discard(value);
            return again();
          },
          (error: unknown) => {
            const outcome = { error };
            const again = plan(number, outcome, environment.classify(outcome), kindOf(error));
            if (again === undefined) throw error;
            return again();
          },
        );
      }

      /** The next attempt, if there is to be one. */
      function plan(
        made: number,
        outcome: Outcome,
        verdict: Verdict,
        kind: string,
      ): (() => Promise<S>) | undefined {
        if (!repeats(outcome, verdict, context)) return undefined;
        if (made >= attempts(context)) return exhausted(made, "attempts");
        const most = longest(context);
        // The cap comes before chance, or all that are past it would come back together.
        const wanted = spread(Math.min(backoff.delay(made), most), jitter, environment.random);
        const delay = Math.min(Math.max(wanted, verdict.retryAfter ?? 0), most);
        const left = total === undefined ? Infinity : started + total(context) - environment.clock.now();
        if (delay >= Math.min(left, context.remaining())) return exhausted(made, "time");
        context.emit({ type: "retry.attempted", attempt: made, delay, kind });
        return () => context.sleep(delay).then(() => attempt(made + 1));
      }

      function exhausted(made: number, reason: "attempts" | "time"): undefined {
        if (made > 1 || reason === "time") context.emit({ type: "retry.exhausted", attempts: made, reason });
        return undefined;
      }
    };
  });
}
