import { waitUntil } from "cloudflare:workers";
import { Hono } from "hono";
import { AllFailedError, isRejected } from "ninelives";
import { deadlineHeaderNames, incomingDeadline, isIdempotent } from "ninelives/fetch";
import { targetOf } from "ninelives/upstreams";
import type { Env } from "../env.ts";
import { mayGoOn, overridesMethod, passOn, requestHeaders, wantsSocket } from "../forwarding.ts";
import { gatewayOf } from "../gateway.ts";
import { problem, problemOf } from "../middleware/problem.ts";
import { priorityOf } from "../priority.ts";

/** RFC 9110, section 9.2.1. */
const safe = ["GET", "HEAD", "OPTIONS"];

/** `/gateway/<upstream>/<path>`: forwards through the upstream's policy. */
export const gatewayRoutes = new Hono<{ Bindings: Env }>().all("/:upstream/*", async (c) => {
  const gateway = gatewayOf(c.env);
  gateway.follow();
  const request = c.req.raw;
  const name = c.req.param("upstream");
  const route = gateway.routes.get(name);
  if (route === undefined) {
    return problem({
      status: 404,
      type: "unknown-upstream",
      detail: `there is no upstream ${JSON.stringify(name.slice(0, 100))}`,
    });
  }
  const url = new URL(request.url);
  const { pathname, search } = url;
  // As it was sent: "/gateway/<upstream>" and what follows, which is nothing or begins with a slash.
  const rest = pathname.split("/").slice(3);
  const target = targetOf(route.upstream, `/${rest.join("/")}`, search);
  if (target === undefined) {
    return problem({ status: 400, type: "bad-path", detail: "the path leads out of the upstream" });
  }
  const headers = requestHeaders(request, url);
  if (headers === undefined) {
    return problem({ status: 508, type: "loop", detail: "the request has come by here too often" });
  }
  // It asked about the way as far as here.
  if (!mayGoOn(request, headers))
    return new Response(null, { status: 204, headers: { via: "1.1 ninelives" } });
  const { deadline, priority } = route.upstream;
  // What holds is told anew: a stranger's own word might ask the upstream for the impossible.
  if (deadline !== undefined) headers.delete(deadlineHeaderNames[deadline.dialect]);
  const began = performance.now();
  const forwarded = { input: target, init: { method: request.method, headers, body: request.body } };
  const answer = route.call(forwarded, {
    // A proxy must not send others again, whatever key they bear (RFC 9110, section 9.2.2).
    repeatable: isIdempotent(request.method) && request.body === null && !overridesMethod(request),
    concurrent: safe.includes(request.method) && !wantsSocket(request),
    signal: request.signal,
    key: name,
    ...(deadline !== undefined && incomingDeadline(request, deadline)),
    ...(priority !== undefined && (await priorityOf(request, name, priority, c.env))),
  });
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
});
