import { isAdaptive, type Tunable } from "../core/adaptive.ts";
import { conclude, type Settled } from "../core/branches.ts";
import { judgeValue, type Verdict } from "../core/classify.ts";
import type { Context } from "../core/context.ts";
import { Deadline, type Deadlines, deadlinesByClock } from "../core/deadlines.ts";
import type { Duration } from "../core/duration.ts";
import { RejectedError } from "../core/errors.ts";
import type { AbortListener } from "../core/leg.ts";
import { count, duration, type Readers, settings, type Table } from "../core/options.ts";
import { definePolicy, type Policy, type Service } from "../core/policy.ts";
import { start } from "../core/start.ts";
import type { RetryBudget } from "../state/retry-budget.ts";
import { asBudget } from "./budget.ts";
import { recorderOf } from "./percentile.ts";

export interface HedgeOptions {
  /** How long a call may take before the next one starts: a duration, a function, a `percentile`. Default `"2s"`. */
  readonly after?: Tunable<Duration>;
  /** Further calls at most. Default 1. */
  readonly hedges?: Tunable<number>;
  /** What hedges are taken from; retries and hedges that get the same value share it. Default: there is none. */
  readonly budget?: RetryBudget;
}

const table = {
  after: { check: duration, initial: "2s" },
  hedges: { check: count(0), initial: 1 },
  budget: { check: asBudget, fixed: true },
} as const;

/** The options of `hedge`, for tools. */
export const hedgeOptions: Table = table;

/**
 * Calls again while the first call still runs, when it takes long, and takes the answer that comes first.
 *
 * The calls that lose are aborted, and what they still return is discarded. A call that fails in a way that may pass
 * starts the next one at once. When all fail, the last failing value is returned, or an AllFailedError with the causes
 * in order is thrown. A request that must not be repeated, or not run twice at once, is sent once.
 *
 * @example
 * const reads = hedge({ after: percentile(0.95), budget: retryBudget({ ratio: 0.1 }) });
 */
export function hedge(afterOrOptions: Tunable<Duration> | HedgeOptions = {}): Policy {
  const chosen = isOptions(afterOrOptions) ? afterOrOptions : { after: afterOrOptions };
  const { read, recipe } = settings("hedge", chosen, table);
  const record = recorderOf(chosen.after);
  const deadlinesOf = deadlinesByClock();
  return definePolicy(recipe, <Q, S>(next: Service<Q, S>) => {
    return function hedge(request: Q, context: Context): Promise<S> {
      if (!context.concurrent) return next(request, context);
      if (context.leg.aborted) return Promise.reject(context.leg.reason);
      const deadlines = deadlinesOf(context.environment.clock);
      return new Promise((resolve, reject) => {
        new Hedged(read, next, request, context, deadlines, record, resolve, reject).begin();
      });
    };
  });
}

function isOptions(given: Tunable<Duration> | HedgeOptions): given is HedgeOptions {
  return typeof given === "object" && !isAdaptive(given);
}

/** One call with all its hedges. */
class Hedged<Q, S> implements AbortListener {
  readonly #next: Service<Q, S>;
  readonly #request: Q;
  readonly #context: Context;
  readonly #deadlines: Deadlines;
  readonly #record: ((ms: number) => void) | undefined;
  readonly #resolve: (value: S) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #budget: RetryBudget | undefined;
  /** Whether nobody further out tells the budget of this call. */
  readonly #counts: boolean;
  readonly #after: number;
  readonly #most: number;
  readonly #legs: Context[] = [];
  readonly #failures: Settled<S>[] = [];
  readonly #begun: number;
  /** When the last leg was started. */
  #last: number;
  #delay: Delay | undefined;
  #failed = 0;
  #settled = false;

  constructor(
    read: Readers<typeof table>,
    next: Service<Q, S>,
    request: Q,
    context: Context,
    deadlines: Deadlines,
    record: ((ms: number) => void) | undefined,
    resolve: (value: S) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#next = next;
    this.#request = request;
    this.#context = context;
    this.#deadlines = deadlines;
    this.#record = record;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#after = read.after(context);
    this.#most = read.hedges(context);
    this.#budget = read.budget(context);
    this.#counts = this.#budget !== undefined && context.isNewTo(this.#budget);
    this.#begun = this.#last = context.environment.clock.now();
    if (this.#counts) this.#budget?.begin(this.#begun);
  }

  begin(): void {
    this.#context.leg.add(this);
    this.#send(this.#begun);
  }

  /** The outer leg ended, and with it all of these. */
  onAbort(reason: unknown): void {
    this.#end();
    this.#reject(reason);
  }

  /** The last leg has taken too long. */
  expired(): void {
    this.#delay = undefined;
    this.#hedge();
  }

  /** Starts a further leg, if one is left and the budget bears it. */
  #hedge(): void {
    if (this.#legs.length > this.#most) return;
    const now = this.#context.environment.clock.now();
    if (this.#budget?.spend(now) === false) return;
    this.#context.emit({ type: "hedge.started", hedge: this.#legs.length, after: now - this.#last });
    this.#send(now);
  }

  #send(now: number): void {
    const index = this.#legs.length;
    const context = this.#context.fork();
    this.#legs.push(context);
    this.#last = now;
    start(this.#next, this.#request, context).then(
      (value) => this.#returned(index, value),
      (error: unknown) => this.#threw(index, error),
    );
    this.#arm(now);
  }

  /** Sets the delay until the next leg, in place of the one before. */
  #arm(now: number): void {
    this.#disarm();
    // The service may have ended the call while it was being called.
    if (this.#settled || this.#legs.length > this.#most) return;
    if (this.#after === 0) this.#hedge();
    else {
      this.#delay = new Delay(this, now + this.#after);
      this.#deadlines.add(this.#delay, now);
    }
  }

  #disarm(): void {
    if (this.#delay !== undefined) this.#deadlines.remove(this.#delay);
    this.#delay = undefined;
  }

  #returned(index: number, value: S): void {
    const { environment } = this.#context;
    (this.#legs[index] as Context).leg.settle(value);
    if (this.#settled) {
      environment.discard(value);
      return;
    }
    const verdict = judgeValue(environment, value);
    if (this.#counts) this.#settle(index, verdict);
    if (verdict.kind === "failure") this.#fail(index, { value }, verdict);
    else this.#win(index, value);
  }

  #threw(index: number, error: unknown): void {
    (this.#legs[index] as Context).leg.settle(undefined);
    if (this.#settled) return;
    const verdict = this.#context.environment.classify({ error });
    if (this.#counts) this.#settle(index, verdict);
    this.#fail(index, { error }, verdict);
  }

  #win(winner: number, value: S): void {
    const { clock } = this.#context.environment;
    this.#end();
    // How long the first leg took or, where a hedge was faster, how long it would have taken at least: without those
    // the percentile would fall with each hedge that wins. Hedges themselves are seen only when they are fast.
    if (this.#record !== undefined && this.#failures[0] === undefined)
      this.#record(clock.now() - this.#begun);
    if (winner > 0) this.#context.emit({ type: "hedge.won", hedge: winner });
    this.#resolve(value);
    if (this.#legs.length === 1) return;
    const reason = new RejectedError("lost-race", "hedge", "another call was first");
    for (const [index, { leg }] of this.#legs.entries()) if (index !== winner) leg.abort(reason);
    for (const lost of this.#failures) {
      if (lost !== undefined && "value" in lost) this.#context.environment.discard(lost.value);
    }
  }

  #fail(index: number, outcome: Settled<S>, { retryable }: Verdict): void {
    this.#failures[index] = outcome;
    this.#context.fail("error" in outcome ? outcome.error : outcome.value);
    this.#failed++;
    // As for a retry: a refusal would only be met again.
    if (retryable) this.#hedge();
    if (this.#failed < this.#legs.length) return;
    this.#end();
    conclude(this.#failures, this.#context.environment, this.#resolve, this.#reject);
  }

  #end(): void {
    this.#settled = true;
    this.#disarm();
    this.#context.leg.remove(this);
  }

  /** Tells the budget how a leg ended, unless that says nothing of the service. */
  #settle(index: number, { kind, retryable }: Verdict): void {
    const ok = kind === "success";
    if (ok || retryable) this.#budget?.settle(ok, this.#context.environment.clock.now(), index > 0);
  }
}

/** The time when a leg has taken too long. */
class Delay extends Deadline {
  readonly #hedged: { expired(): void };

  constructor(hedged: { expired(): void }, at: number) {
    super(at);
    this.#hedged = hedged;
  }

  expire(): void {
    this.#hedged.expired();
  }
}
