import type { Changeable } from "../core/adaptive.ts";
import { within } from "../core/check.ts";
import { judgeValue, pushesBack } from "../core/classify.ts";
import { Context } from "../core/context.ts";
import { isRejected } from "../core/errors.ts";
import { type Exit, pass, through } from "../core/exit.ts";
import { count, having, type Readers, settings, type Table } from "../core/options.ts";
import { definePolicy, type Policy, type Service } from "../core/policy.ts";
import { bounded, type LimitBounds } from "../state/concurrency-limit.ts";
import { Compartment } from "./compartment.ts";
import { gradient2, type LimitAlgorithm } from "./limit-algorithms.ts";
import { demandMaximumWait, type QueueOptions, queueTable } from "./queue-options.ts";
import { judgeError } from "./verdict.ts";

export interface AdaptiveLimitOptions extends QueueOptions {
  /** How the limit is found: `gradient2()`, `vegas()` or `aimd()`. Default `gradient2()`. */
  readonly algorithm?: LimitAlgorithm;
  /** The limit before anything is known. Default 20. */
  readonly initial?: number;
  /** Default 1. */
  readonly minimum?: Changeable<number>;
  /** Default 200. */
  readonly maximum?: Changeable<number>;
}

/** An adaptive limit is also a window on its own load. */
export interface AdaptiveLimit extends Policy {
  /** Calls that may run at a time now. */
  readonly limit: number;
  /** Calls running now. */
  readonly active: number;
  /** Calls waiting now. */
  readonly queued: number;
  /** Plain JSON to restore from: the limit that was found, and none of the calls that are running. */
  snapshot(): AdaptiveLimitSnapshot;
  /** Goes on from a limit that was found before, and learns anew. @throws RangeError for what is no snapshot */
  restore(snapshot: AdaptiveLimitSnapshot): void;
}

export interface AdaptiveLimitSnapshot {
  readonly limit: number;
}

const table = {
  algorithm: {
    check: having<LimitAlgorithm>("machine", "an algorithm such as vegas()"),
    initial: gradient2(),
    fixed: true,
  },
  initial: { check: count(), initial: 20, fixed: true },
  minimum: { check: count(), initial: 1, contextless: true },
  maximum: { check: count(), initial: 200, contextless: true },
  ...queueTable,
} as const;

/** @internal The options of `adaptiveLimit`, for tools. */
export const adaptiveLimitOptions: Table = table;

/**
 * A bulkhead that finds its limit by itself, from how long calls take.
 *
 * The limit grows while it is in use and calls stay quick, and shrinks when they slow down, time out or are refused (a 429,
 * a `Retry-After`). A call that failed otherwise, that the caller gave up or that another policy refused says nothing. It
 * must be innermost but for timeouts and circuits, so that it measures the service and no waiting.
 *
 * @example
 * const policy = adaptiveLimit({ algorithm: vegas(), maximum: 100, queue: 50, maximumWait: "500ms" });
 */
export function adaptiveLimit(chosen: AdaptiveLimitOptions = {}): AdaptiveLimit {
  const { read, recipe } = settings("adaptiveLimit", chosen, table);
  demandMaximumWait("adaptiveLimit", chosen);
  const bounds = boundsOf(read);
  const algorithm: LimitAlgorithm = chosen.algorithm ?? table.algorithm.initial;
  let machine = algorithm.machine(bounds);
  let found = bounds.initial;
  const limitNow = (): number => bounded(found, bounds);
  const compartment = new Compartment("adaptiveLimit", limitNow, read, undefined);

  function record(context: Context, began: number, running: number, dropped: boolean): void {
    const now = context.environment.clock.now();
    const from = limitNow();
    machine.record(now - began, running, dropped, now);
    found = Math.floor(machine.limit);
    const limit = limitNow();
    if (limit !== from) context.emit({ type: "limit.changed", limit, from });
  }

  const policy = definePolicy(recipe, <Q, S>(next: Service<Q, S>) =>
    through(next, (inner) => {
      /** Within the slot, so that a limit that grew lets in those that wait at once. */
      function measured(request: Q, context: Context, exit: Exit<S>): unknown {
        const { environment } = context;
        const running = compartment.active;
        const began = environment.clock.now();
        return pass(inner, request, context, {
          succeed(value) {
            try {
              const verdict = judgeValue(environment, value);
              if (verdict.kind === "success") record(context, began, running, false);
              else if (pushesBack(verdict)) record(context, began, running, true);
            } catch (thrown) {
              return exit.fail(thrown);
            }
            return exit.succeed(value);
          },
          fail(error) {
            try {
              if (overloaded(error, context)) record(context, began, running, true);
            } catch (thrown) {
              return exit.fail(thrown);
            }
            return exit.fail(error);
          },
        });
      }
      return function adaptiveLimit(request: Q, context: Context, exit: Exit<S>): unknown {
        return compartment.enter(measured, request, context, exit);
      };
    }),
  );

  function restore(snapshot: AdaptiveLimitSnapshot): void {
    within(Object(snapshot).limit, "restore: limit", 0.000001, 1e9);
    found = bounded(snapshot.limit, bounds);
    machine = algorithm.machine(Object.create(bounds, { initial: { value: found } }));
  }

  return Object.defineProperties(policy, {
    snapshot: { value: () => ({ limit: limitNow() }) },
    restore: { value: restore },
    limit: { get: limitNow, enumerable: true },
    active: { get: () => compartment.active, enumerable: true },
    queued: { get: () => compartment.queued, enumerable: true },
  }) as AdaptiveLimit;
}

/** Whether a call timed out, here or further out, or was refused because there are too many. */
function overloaded(error: unknown, context: Context): boolean {
  const { leg } = context;
  if (isRejected(leg.aborted ? leg.reason : error, "timeout")) return true;
  const verdict = judgeError(error, context);
  return verdict !== undefined && pushesBack(verdict);
}

/** @throws RangeError when the initial limit is not between the others */
function boundsOf(read: Readers<typeof table>): LimitBounds {
  const any = Context.begin();
  const bounds = {
    initial: read.initial(any),
    get minimum() {
      return read.minimum(any);
    },
    get maximum() {
      return read.maximum(any);
    },
  };
  const { initial, minimum, maximum } = bounds;
  if (minimum <= initial && initial <= maximum) return bounds;
  throw new RangeError(
    `adaptiveLimit: initial must be from minimum ${minimum} to maximum ${maximum}, but is ${initial}`,
  );
}
