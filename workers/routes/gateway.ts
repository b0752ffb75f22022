import { waitUntil } from "cloudflare:workers";
import { Hono } from "hono";
import { AllFailedError, isRejected } from "ninelives";
import { deadlineHeaderNames, incomingDeadline, isIdempotent } from "ninelives/fetch";
import { targetOf } from "ninelives/upstreams";
import type { Env } from "../env.ts";
import { headerList, mayGoOn, overridesMethod, passOn, requestHeaders, wantsSocket } from "../forwarding.ts";
import { gatewayOf } from "../gateway.ts";
import { problem, problemOf } from "../middleware/problem.ts";
import { priorityOf } from "../priority.ts";

/** RFC 9110, section 9.2.1. */
const safe = ["GET", "HEAD", "OPTIONS"];

/** `/gateway/<upstream>/<path>`: forwards through the upstream's policy. */
export const gatewayRoutes = new Hono<{ Bindings: Env }>().all("/:upstream/*", (c) =>
  forward(c.req.raw, new URL(c.req.url), c.env),
);

/**
 * The same without a router, which takes as long for a request as its policies do.
 *
 * @returns nothing for what is none of the gateway's
 */
export function forwarded(request: Request, env: Env): Promise<Response> | undefined {
  const url = new URL(request.url);
  if (!url.pathname.startsWith("/gateway/")) return undefined;
  return forward(request, url, env).catch(problemOf);
}

async function forward(request: Request, url: URL, env: Env): Promise<Response> {
  const gateway = gatewayOf(env);
  gateway.follow();
  // As it was sent: "/gateway/<upstream>" and what follows, which is nothing or begins with a slash.
  const [, , segment = "", ...rest] = url.pathname.split("/");
  const name = decoded(segment);
  const route = gateway.routes.get(name);
  if (route === undefined) {
    return problem({
      status: 404,
      type: "unknown-upstream",
      detail: `there is no upstream ${JSON.stringify(name.slice(0, 100))}`,
    });
  }
  const target = targetOf(route.upstream, `/${rest.join("/")}`, url.search);
  if (target === undefined) {
    return problem({ status: 400, type: "bad-path", detail: "the path leads out of the upstream" });
  }
  const { method, body } = request;
  const came = headerList(request);
  const onward = requestHeaders(came, method, url);
  if (onward === undefined) {
    return problem({ status: 508, type: "loop", detail: "the request has come by here too often" });
  }
  // It asked about the way as far as here.
  if (!mayGoOn(method, onward)) return new Response(null, { status: 204, headers: { via: "1.1 ninelives" } });
  const { deadline, priority } = route.upstream;
  // What holds is told anew: a stranger's own word might ask the upstream for the impossible.
  const stale = deadline && deadlineHeaderNames[deadline.dialect];
  const headers = stale === undefined ? onward : onward.filter(([name]) => name !== stale);
  const began = performance.now();
  const answer = route.call(
    { input: target, init: { method, headers, body } },
    {
      // A proxy must not send others again, whatever key they bear (RFC 9110, section 9.2.2).
      repeatable: isIdempotent(method) && body === null && !overridesMethod(came),
      concurrent: safe.includes(method) && !wantsSocket(came, method),
      signal: request.signal,
      key: name,
      ...(deadline !== undefined && incomingDeadline(request, deadline)),
      ...(priority !== undefined && (await priorityOf(request, name, priority, env))),
    },
  );
  // Its caller may be gone before it has settled: what it holds must come back all the same.
  waitUntil(answer.catch(() => {}));
  try {
    const response = await answer;
    return passOn(response, gateway.doing(response), performance.now() - began);
  } catch (error) {
    if (isRejected(error) || error instanceof AllFailedError) return problemOf(error);
    console.warn(`upstream ${name}`, error);
    return problem({ status: 502, type: "bad-gateway", detail: `${name} could not be reached` });
  }
}

/** `%69` is an i; what is no encoding stands for itself. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
