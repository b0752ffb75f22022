import type { Context as HonoContext, MiddlewareHandler, Next } from "hono";
import { compose, definePolicyFor, isRejected, type Policy } from "ninelives";
import { classifyHttp } from "ninelives/fetch";
import { problemOf } from "./middleware/problem.ts";

/** What a policy of the middleware sees: the request's context, and the handlers that follow. */
export interface Handling {
  readonly context: HonoContext;
  readonly next: Next;
}

/** Has policies judge by the status, and keep the platform running for what they do in the background. */
const surroundings = definePolicyFor<Handling, Response>(
  "surroundings",
  (next) => (handling, context) =>
    next(
      handling,
      context.within({
        ...context.environment,
        classify: classifyHttp,
        waitUntil: (work) => keepRunning(handling.context, work),
      }),
    ),
);

function keepRunning(context: HonoContext, work: Promise<unknown>): void {
  try {
    context.executionCtx.waitUntil(work);
  } catch {
    // Only Workers have one, and elsewhere nothing has to be kept running.
  }
}

/**
 * Puts a policy around the handlers of a Hono app: timeouts, circuits, bulkheads, fallbacks.
 *
 * A handler runs at most once for a request, so a retry in the policy repeats nothing. What the policy refuses is
 * answered by `application/problem+json`: 503 with `Retry-After`, or 504 for a timeout. An answer of the policy's own
 * has the headers that middleware outside has set, and none of a handler's. On Workers what policies do in the
 * background is kept running (`waitUntil`).
 *
 * @example
 * app.use("/reports/*", resilience(compose(bulkhead(10), timeout("5s"))));
 */
export function resilience(policy: Policy<Handling, Response>): MiddlewareHandler {
  const handled = new WeakMap<HonoContext, Response>();
  const handle = compose(surroundings, policy).wrap(async ({ context, next }: Handling) => {
    await next();
    handled.set(context, context.res);
    return context.res;
  });
  return async (context, next) => {
    // Before a handler adds its own.
    const outer = context.newResponse(null).headers;
    const { signal } = context.req.raw;
    try {
      const answer = await handle({ context, next }, { repeatable: false, signal });
      if (answer !== handled.get(context)) replace(context, answer, outer);
    } catch (error) {
      if (!isRejected(error)) throw error;
      replace(context, problemOf(error), outer);
    }
  };
}

/** Answers with another response than a handler's, of whose headers Hono would copy what there is. */
function replace(context: HonoContext, answer: Response, outer: Headers): void {
  context.res = undefined;
  context.res = answer;
  for (const [name, value] of outer) {
    if (!/^(?:content-type|set-cookie)$/.test(name) && !answer.headers.has(name)) context.header(name, value);
  }
  const cookies = answer.headers.getSetCookie();
  for (const cookie of outer.getSetCookie()) {
    if (!cookies.includes(cookie)) context.header("set-cookie", cookie, { append: true });
  }
}
