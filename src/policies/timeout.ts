import { type Tunable, tunable } from "../core/adaptive.ts";
import { passInTime } from "../core/bound.ts";
import type { Context } from "../core/context.ts";
import { deadlinesByClock } from "../core/deadlines.ts";
import { type Duration, milliseconds } from "../core/duration.ts";
import { type Exit, through } from "../core/exit.ts";
import type { Table } from "../core/options.ts";
import { definePolicy, type Policy, type Service } from "../core/policy.ts";

/** @internal The options of `timeout`, for tools. */
export const timeoutOptions: Table = { after: { check: milliseconds, required: true } };

/**
 * Gives up on a call that takes too long.
 *
 * The inner signal is aborted and the caller gets a `timeout` rejection at once, whether or not the service listens.
 * Outside a retry this bounds the whole operation; inside one it bounds each attempt. It also puts a deadline into the
 * context, so that timeouts further in can only be shorter and no retry sleeps past it. For a Response it ends at the
 * headers: the body may take longer.
 *
 * @param after how long the call may take; a function of the context is asked at each call
 * @example
 * const eachAttempt = compose(retry(3), timeout("500ms"));
 * const altogether = compose(timeout("2s"), retry(3));
 */
export function timeout(after: Tunable<Duration>): Policy {
  const allowed = tunable(after, milliseconds, "timeout: after");
  const deadlinesOf = deadlinesByClock();
  const recipe = { policy: "timeout", given: { after }, table: timeoutOptions };
  return definePolicy(recipe, <Q, S>(next: Service<Q, S>) =>
    through(
      next,
      (inner) =>
        function timeout(request: Q, context: Context, exit: Exit<S>): unknown {
          const deadlines = deadlinesOf(context.environment.clock);
          return passInTime(inner, request, context, exit, allowed(context), deadlines);
        },
      true,
    ),
  );
}
