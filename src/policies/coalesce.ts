import { bound } from "../core/bound.ts";
import type { Context } from "../core/context.ts";
import { deadlinesByClock } from "../core/deadlines.ts";
import { callable, settings, type Table } from "../core/options.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import { start } from "../core/start.ts";
import { Flight } from "./flight.ts";
import { copyOf, type KeyOf, type Share } from "./share.ts";

export interface CoalesceOptions<Req, Res> {
  /** What a request asks for; requests for which it is undefined go their own way. */
  readonly key: KeyOf<Req>;
  /** Makes a copy for each caller but one. Default: clones a Response, shares anything else as it is. */
  readonly share?: Share<Res>;
}

const table = {
  key: { check: callable<KeyOf<never>>, required: true, fixed: true },
  share: { check: callable<Share<never>>, initial: copyOf, fixed: true },
} as const;

/** @internal The options of `coalesce`, for tools. */
export const coalesceOptions: Table = table;

/**
 * Calls once for all who ask for the same thing at the same time, and gives them all the answer.
 *
 * A caller that aborts, or whose deadline comes, leaves the others alone; the call is aborted when the last of them has
 * left. Nothing is kept once it has been answered: that is `cache`. A request that must not be repeated goes its own way.
 *
 * @example
 * const policy = compose(coalesce((url: string) => url), retry(3));
 */
export function coalesce<Req = unknown, Res = unknown>(
  keyOrOptions: KeyOf<Req> | CoalesceOptions<Req, Res>,
): Policy<Req, Res> {
  const chosen = typeof keyOrOptions === "function" ? { key: keyOrOptions } : keyOrOptions;
  const { recipe } = settings("coalesce", chosen, table);
  const { key, share = copyOf } = chosen as CoalesceOptions<Req, Res>;
  const flights = new Map<string, Flight<Res>>();
  const deadlinesOf = deadlinesByClock();

  return definePolicyFor<Req, Res>(recipe, (next: Service<Req, Res>) => {
    function join(request: Req, context: Context): Promise<Res> {
      const name = key(request, context);
      if (name === undefined) return next(request, context);
      const known = flights.get(name);
      if (known !== undefined) {
        context.emit({ type: "call.coalesced", waiting: known.waiting + 1 });
        return known.join(context);
      }
      const inner = context.detach();
      const flight = new Flight<Res>(inner, share, () => {
        if (flights.get(name) === flight) flights.delete(name);
      });
      flights.set(name, flight);
      const joined = flight.join(context);
      start(next, request, inner).then(
        (value) => flight.succeed(value),
        (error: unknown) => flight.fail(error),
      );
      return joined;
    }

    return function coalesce(request, context) {
      const { leg, bounded, deadline } = context;
      if (!context.repeatable) return next(request, context);
      if (leg.aborted) return Promise.reject(leg.reason);
      if (bounded || deadline === Infinity) return join(request, context);
      // The flight has no deadline, so that this caller's ends only its own wait.
      return bound(join, request, context, Infinity, deadlinesOf(context.environment.clock));
    };
  });
}
