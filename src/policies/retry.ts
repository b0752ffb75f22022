import type { Changeable, Tunable } from "../core/adaptive.ts";
import { judgeValue, type Outcome, type Verdict } from "../core/classify.ts";
import type { Context } from "../core/context.ts";
import type { Duration } from "../core/duration.ts";
import { kindOf } from "../core/events.ts";
import { type Exit, type Passage, pass, through } from "../core/exit.ts";
import { callable, count, duration, type Readers, settings, type Table } from "../core/options.ts";
import { definePolicy, type Policy, type Service } from "../core/policy.ts";
import type { RetryBudget } from "../state/retry-budget.ts";
import { asBudget } from "./as-budget.ts";
import {
  type AnyBackoff,
  decorrelated,
  delayOf,
  exponential,
  type Jitter,
  spread,
  spreadOf,
} from "./backoff.ts";

export interface RetryOptions {
  /** Calls in all, the first included. Default 3. */
  readonly attempts?: Tunable<number>;
  /** A back-off, any iterable of durations, or a function. Default `exponential("100ms")`. */
  readonly backoff?: Changeable<AnyBackoff>;
  /** Default `"full"`. */
  readonly jitter?: Tunable<Jitter>;
  /** No wait is longer, not even one that the other side asks for. Default `"30s"`. */
  readonly maximumDelay?: Tunable<Duration>;
  /** No wait begins that would end later than this after the first attempt began. Default: no bound but the deadline. */
  readonly within?: Tunable<Duration>;
  /** What repetitions are taken from; retries and hedges that get the same value share it. Default: there is none. */
  readonly budget?: RetryBudget;
  /** Which failures to repeat. Default: those that the environment's `classify` calls retryable. */
  readonly retryOn?: (outcome: Outcome, verdict: Verdict) => boolean;
}

const table = {
  attempts: { check: count(), initial: 3 },
  backoff: { check: delayOf, initial: exponential("100ms"), contextless: true },
  jitter: { check: spreadOf, initial: "full" },
  maximumDelay: { check: duration, initial: "30s" },
  within: { check: duration },
  budget: { check: asBudget, fixed: true },
  retryOn: { check: callable<(outcome: Outcome, verdict: Verdict) => boolean>, fixed: true },
} as const;

/** @internal The options of `retry`, for tools. */
export const retryOptions: Table = table;

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
  const chosen = typeof attemptsOrOptions === "object" ? attemptsOrOptions : { attempts: attemptsOrOptions };
  const { read, recipe } = settings("retry", chosen, table);
  return definePolicy(recipe, <Q, S>(next: Service<Q, S>) =>
    through(
      next,
      (inner) =>
        function retry(request: Q, context: Context, exit: Exit<S>): unknown {
          return new Tries(read, inner, request, context, exit).attempt();
        },
    ),
  );
}

/** One call with all its attempts. */
class Tries<Q, S> implements Exit<S> {
  readonly #read: Readers<typeof table>;
  readonly #inner: Passage<Q, S>;
  readonly #request: Q;
  readonly #context: Context;
  readonly #exit: Exit<S>;
  readonly #budget: RetryBudget | undefined;
  /** Whether nobody further out tells the budget of this call. */
  readonly #counts: boolean;
  /** When no further wait may end, if that is bounded. */
  readonly #ends: number | undefined;
  #made = 0;
  /** Whether the repetition that was spent last followed a timeout. */
  #afterTimeout = false;
  #waited = 0;

  constructor(
    read: Readers<typeof table>,
    inner: Passage<Q, S>,
    request: Q,
    context: Context,
    exit: Exit<S>,
  ) {
    this.#read = read;
    this.#inner = inner;
    this.#request = request;
    this.#context = context;
    this.#exit = exit;
    this.#budget = read.budget(context);
    const within = read.within(context);
    this.#ends = within === undefined ? undefined : context.environment.clock.now() + within;
    this.#counts = this.#budget !== undefined && context.isNewTo(this.#budget);
    if (this.#counts) this.#budget?.begin(context.call.looked ?? context.environment.clock.now());
  }

  attempt(): unknown {
    const number = ++this.#made;
    const context = number === this.#context.attempt ? this.#context : this.#context.withAttempt(number);
    return pass(this.#inner, this.#request, context, this);
  }

  succeed(value: S): unknown {
    let delay: number | undefined;
    try {
      const verdict = judgeValue(this.#context.environment, value);
      if (this.#counts) this.#settle(verdict);
      if (verdict.kind !== "success") {
        delay = this.#plan({ value }, verdict, "value");
        if (delay !== undefined) this.#context.environment.discard(value);
      }
    } catch (thrown) {
      return this.#exit.fail(thrown);
    }
    return delay === undefined ? this.#exit.succeed(value) : this.#again(delay, value);
  }

  fail(error: unknown): unknown {
    let delay: number | undefined;
    try {
      const outcome = { error };
      const verdict = this.#context.environment.classify(outcome);
      if (this.#counts) this.#settle(verdict);
      delay = this.#plan(outcome, verdict, kindOf(error));
    } catch (thrown) {
      return this.#exit.fail(thrown);
    }
    return delay === undefined ? this.#exit.fail(error) : this.#again(delay, error);
  }

  #again(delay: number, cause: unknown): Promise<unknown> {
    this.#context.call.cause = cause;
    return this.#context.sleep(delay).then(
      () => this.attempt(),
      (reason: unknown) => this.#exit.fail(reason),
    );
  }

  /** How long to wait for the next attempt, if there is to be one. */
  #plan(outcome: Outcome, verdict: Verdict, kind: string): number | undefined {
    const context = this.#context;
    if (!this.#repeats(outcome, verdict)) return undefined;
    if (this.#made >= this.#read.attempts(context)) return this.#exhausted("attempts");
    const delay = this.#delay(outcome, verdict);
    const { clock } = context.environment;
    const left = this.#ends === undefined ? Infinity : this.#ends - clock.now();
    if (delay >= Math.min(left, context.remaining())) return this.#exhausted("time");
    this.#afterTimeout = kind === "timeout";
    if (this.#budget?.spend(clock.now(), this.#afterTimeout) === false) return this.#exhausted("budget");
    context.emit({ type: "retry.attempted", attempt: this.#made, delay, kind });
    return delay;
  }

  #repeats(outcome: Outcome, verdict: Verdict): boolean {
    const context = this.#context;
    if (context.leg.aborted || !context.maySend || verdict.kind === "success") return false;
    const chosen = this.#read.retryOn(context);
    return chosen === undefined ? verdict.retryable : chosen(outcome, verdict);
  }

  #delay(outcome: Outcome, verdict: Verdict): number {
    const context = this.#context;
    const { random } = context.environment;
    const most = this.#read.maximumDelay(context);
    const backoff = this.#read.backoff(context);
    const jitter = this.#read.jitter(context);
    let wanted: number;
    if (jitter === "decorrelated") {
      wanted = this.#waited = decorrelated(backoff(1, outcome, context), this.#waited, most, random);
    } else {
      // The cap comes before chance, or all that are past it would come back together.
      const ceiling = most / Math.max(1, jitter[1]);
      wanted = spread(Math.min(backoff(this.#made, outcome, context), ceiling), jitter, random);
    }
    return Math.min(Math.max(wanted, verdict.retryAfter ?? 0), most);
  }

  #exhausted(reason: "attempts" | "time" | "budget"): undefined {
    if (this.#made > 1 || reason !== "attempts") {
      this.#context.emit({ type: "retry.exhausted", attempts: this.#made, reason });
    }
  }

  /** Tells the budget how an attempt ended, unless that says nothing of the service. */
  #settle({ kind, retryable }: Verdict): void {
    const ok = kind === "success";
    if ((ok || retryable) && !this.#context.aborted)
      this.#budget?.settle(ok, this.#made > 1, this.#afterTimeout);
  }
}
