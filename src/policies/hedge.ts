import { isAdaptive, type Tunable } from "../core/adaptive.ts";
import { conclude, type Settled } from "../core/branches.ts";
import type { Context } from "../core/context.ts";
import { type Deadlines, type Due, deadlinesByClock } from "../core/deadlines.ts";
import type { Duration } from "../core/duration.ts";
import { RejectedError } from "../core/errors.ts";
import type { Leg } from "../core/leg.ts";
import { count, duration, type Readers, settings, type Table } from "../core/options.ts";
import { definePolicy, type Policy, type Service } from "../core/policy.ts";
import { start } from "../core/start.ts";
import type { RetryBudget } from "../state/retry-budget.ts";
import { asBudget } from "./as-budget.ts";
import { recorderOf } from "./recorder-of.ts";

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

/** @internal The options of `hedge`, for tools. */
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
      return callHedged(read, next, request, context, deadlinesOf(context.environment.clock), record);
    };
  });
}

function isOptions(given: Tunable<Duration> | HedgeOptions): given is HedgeOptions {
  return typeof given === "object" && !isAdaptive(given);
}

/** One call with all its hedges. */
function callHedged<Q, S>(
  read: Readers<typeof table>,
  next: Service<Q, S>,
  request: Q,
  context: Context,
  deadlines: Deadlines,
  record: ((ms: number) => void) | undefined,
): Promise<S> {
  const { environment, leg } = context;
  const { clock } = environment;
  return new Promise((resolve, reject) => {
    const after = read.after(context);
    const most = read.hedges(context);
    const budget = read.budget(context);
    /** Whether nobody further out tells the budget of this call. */
    const counts = budget !== undefined && context.isNewTo(budget);
    const began = clock.now();
    const legs: Leg[] = [];
    const failures: Settled<S>[] = [];
    const listener = {
      /** The outer leg ended, and with it all of these. */
      onAbort(reason: unknown): void {
        end();
        reject(reason);
      },
    };
    let last = began;
    let failed = 0;
    let settled = false;
    /** When the last leg will have taken too long. */
    let delay: Due | undefined;

    if (counts) budget.begin(began);
    leg.add(listener);
    send(began);

    function send(now: number): void {
      const index = legs.length;
      const inner = context.fork();
      legs.push(inner.leg);
      last = now;
      start(next, request, inner).then(
        (value) => settle(index, { value }, value),
        (error: unknown) => settle(index, { error }, undefined),
      );
      disarm();
      // The service may have ended the call while it was being called.
      if (settled || legs.length > most) return;
      if (after === 0) hedge();
      else {
        delay = { at: now + after, before: undefined, after: undefined, timer: undefined, expire };
        deadlines.add(delay, now);
      }
    }

    function expire(): void {
      delay = undefined;
      hedge();
    }

    function disarm(): void {
      if (delay !== undefined) deadlines.remove(delay);
      delay = undefined;
    }

    /** Starts a further leg, if one is left and the budget bears it. */
    function hedge(): void {
      if (legs.length > most) return;
      const now = clock.now();
      if (budget?.spend(now) === false) return;
      context.emit({ type: "hedge.started", hedge: legs.length, after: now - last });
      send(now);
    }

    function settle(index: number, outcome: Settled<S>, value: S | undefined): void {
      legs[index]?.settle(value);
      if (settled) {
        if ("value" in outcome) environment.discard(value);
        return;
      }
      const { kind, retryable } = environment.classify(outcome);
      const ok = kind === "success";
      // What says nothing of the service is not told to the budget.
      if (counts && (ok || retryable)) budget.settle(ok, index > 0);
      if ("value" in outcome && kind !== "failure") {
        win(index, outcome.value);
        return;
      }
      failures[index] = outcome;
      context.call.cause = "error" in outcome ? outcome.error : value;
      failed++;
      // As for a retry: a refusal would only be met again.
      if (retryable) hedge();
      if (failed < legs.length) return;
      end();
      conclude(failures, environment, resolve, reject);
    }

    function win(winner: number, value: S): void {
      end();
      // How long the first leg took or, where a hedge was faster, how long it would have taken at least: without those
      // the percentile would fall with each hedge that wins. Hedges themselves are seen only when they are fast.
      if (failures[0] === undefined) record?.(clock.now() - began);
      if (winner > 0) context.emit({ type: "hedge.won", hedge: winner });
      resolve(value);
      if (legs.length === 1) return;
      const reason = new RejectedError("lost-race", "hedge", "another call was first");
      for (const [index, other] of legs.entries()) if (index !== winner) other.abort(reason);
      for (const lost of failures) if (lost !== undefined && "value" in lost) environment.discard(lost.value);
    }

    function end(): void {
      settled = true;
      disarm();
      leg.remove(listener);
    }
  });
}
