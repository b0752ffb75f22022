import { isAdaptive, type Tunable } from "../core/adaptive.ts";
import type { Context } from "../core/context.ts";
import { type Exit, through } from "../core/exit.ts";
import { count, settings, type Table } from "../core/options.ts";
import { definePolicy, type Policy, type Service } from "../core/policy.ts";
import { Compartment } from "./compartment.ts";
import { demandMaximumWait, type QueueOptions, queueTable } from "./queue-options.ts";

export interface BulkheadOptions extends QueueOptions {
  /** Calls that run at a time. */
  readonly limit: Tunable<number>;
}

/** A bulkhead is also a window on its own load. */
export interface Bulkhead extends Policy {
  /** Calls running now. */
  readonly active: number;
  /** Calls waiting now. */
  readonly queued: number;
}

const table = { limit: { check: count(), required: true }, ...queueTable } as const;

/** @internal The options of `bulkhead`, for tools. */
export const bulkheadOptions: Table = table;

/**
 * Lets so many calls run at a time, so that one slow dependency cannot take all there is.
 *
 * A call that finds no slot waits, if there is a queue, for `maximumWait` or until its own deadline or abort; else it is
 * rejected with `bulkhead-full`. A slot comes back when the service has settled, not when its caller gave up; on Workers,
 * where what was given up may never settle, then too. When an adaptive `limit` grows, those that wait enter at once.
 *
 * @example
 * const policy = bulkhead({ limit: 10, queue: 50, maximumWait: "1s" });
 */
export function bulkhead(limitOrOptions: Tunable<number> | BulkheadOptions): Bulkhead {
  const chosen: BulkheadOptions =
    typeof limitOrOptions !== "object" || isAdaptive(limitOrOptions)
      ? { limit: limitOrOptions as Tunable<number> }
      : limitOrOptions;
  const { read, recipe } = settings("bulkhead", chosen, table);
  demandMaximumWait("bulkhead", chosen);
  const compartment = new Compartment("bulkhead", read.limit, read, chosen.limit);

  const policy = definePolicy(recipe, <Q, S>(next: Service<Q, S>) =>
    through(
      next,
      (inner) =>
        function bulkhead(request: Q, context: Context, exit: Exit<S>): unknown {
          return compartment.enter(inner, request, context, exit);
        },
    ),
  );

  return Object.defineProperties(policy, {
    active: { get: () => compartment.active, enumerable: true },
    queued: { get: () => compartment.queued, enumerable: true },
  }) as Bulkhead;
}
