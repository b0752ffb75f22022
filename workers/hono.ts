import type { Context as HonoContext, MiddlewareHandler, Next } from "hono";
import { compose, environment, isRejected, type Policy } from "ninelives";
import { classifyHttp } from "ninelives/fetch";
import { problemOf } from "./middleware/problem.ts";

/** What a policy of the middleware sees: the request's context, and the handlers that follow. */
export interface Handling {
  readonly context: HonoContext;
  readonly next: Next;
}

/**
 * Puts a policy around the handlers of a Hono app: timeouts, circuits, bulkheads, fallbacks.
 *
 * A handler runs at most once for a request, so a retry in the policy repeats nothing. What the policy refuses is
 * answered by `application/problem+json`: 503 with `Retry-After`, or 504 for a timeout.
 *
 * @example
 * app.use("/reports/*", resilience(compose(bulkhead(10), timeout("5s"))));
 */
export function resilience(policy: Policy<Handling, Response>): MiddlewareHandler {
  const handle = compose(environment({ classify: classifyHttp }), policy).wrap(
    async ({ context, next }: Handling) => {
      await next();
      return context.res;
    },
  );
  return async (context, next) => {
    const { signal } = context.req.raw;
    try {
      context.res = await handle({ context, next }, { repeatable: false, signal });
    } catch (error) {
      if (!isRejected(error)) throw error;
      context.res = problemOf(error);
    }
  };
}
