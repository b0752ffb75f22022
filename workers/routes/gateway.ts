import { waitUntil } from "cloudflare:workers";
import { Hono } from "hono";
import { AllFailedError, isRejected } from "ninelives";
import { deadlineHeaderNames, incomingDeadline, isIdempotent } from "ninelives/fetch";
import { pathAt, targetOf } from "ninelives/upstreams";
import type { Env } from "../env.ts";
import { mayGoOn, type Onward, onwardOf, passOn, type Sent, tellDoing } from "../forwarding.ts";
import { type Gateway, gatewayOf } from "../gateway.ts";
import { servesUpstreams } from "../gateway-host.ts";
import { problem, problemOf } from "../middleware/problem.ts";
import { priorityOf } from "../priority.ts";
import type { Main, Route } from "../served.ts";

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
export function forwarded(request: Request, url: URL, env: Env): Promise<Response> | undefined {
  return url.pathname.startsWith("/gateway/") ? forward(request, url, env) : undefined;
}

/** Answers, and says in the answer's headers what was done for it. Never rejects. */
async function forward(request: Request, url: URL, env: Env): Promise<Response> {
  const began = performance.now();
  const sent: Sent[] = [];
  let response: Response | undefined;
  let answer: Response;
  try {
    const gateway = gatewayOf(env);
    if (!gateway.begun) await gateway.begin();
    const asked = servesUpstreams(url.host, env) ? askedOf(request, url, gateway) : notHere();
    if (asked instanceof Response) answer = asked;
    else {
      response = await ask(request, asked, sent, env);
      answer = passOn(response);
    }
  } catch (error) {
    answer = problemOf(error);
  }
  tellDoing(answer, sent, response, performance.now() - began);
  return answer;
}

interface Asked {
  readonly route: Route;
  readonly target: URL;
  readonly onward: Onward;
}

const notHere = () =>
  problem({ status: 404, type: "not-found", detail: "no upstream is reached by this hostname" });

/** Where a request goes and how, or why it goes nowhere. */
function askedOf(request: Request, url: URL, gateway: Gateway): Asked | Response {
  gateway.follow();
  // As it was sent: "/gateway/<upstream>" and what follows, which is nothing or begins with a slash.
  const [, , segment = "", ...rest] = url.pathname.split("/");
  const name = decoded(segment);
  const main = gateway.upstreams.get(name);
  if (main === undefined) {
    return problem({
      status: 404,
      type: "unknown-upstream",
      detail: `there is no upstream ${JSON.stringify(name.slice(0, 100))}`,
    });
  }
  const { upstream, routes } = main;
  // Without a slash behind the name the worker's scope would be the pages of all upstreams.
  if (rest.length === 0 && request.headers.has("service-worker")) {
    return problem({ status: 400, type: "bad-path", detail: "a service worker's script has a path below" });
  }
  const target = targetOf(upstream, `/${rest.join("/")}`, url.search);
  if (target === undefined) {
    return problem({ status: 400, type: "bad-path", detail: "the path leads out of the upstream" });
  }
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (isRead && bodyOf(request) !== null) {
    return problem({
      status: 400,
      type: "bad-body",
      detail: `a ${request.method} with a body cannot be sent on`,
    });
  }
  const onward = onwardOf(request, url);
  if (onward === undefined) {
    return problem({ status: 508, type: "loop", detail: "the request has come by here too often" });
  }
  // It asked about the way as far as here.
  if (!mayGoOn(request.method, onward.headers)) {
    return new Response(null, { status: 204, headers: { via: "1.1 ninelives" } });
  }
  return { route: routes.length === 0 ? main : routeOf(main, request.method, target), target, onward };
}

/** The first route that a request fits, or else the upstream's own. */
function routeOf(main: Main, method: string, target: URL): Route {
  const path = pathAt(main.upstream, target);
  return main.routes.find(({ fits }) => fits(method, path))?.route ?? main;
}

async function ask(request: Request, asked: Asked, sent: Sent[], env: Env): Promise<Response> {
  const { route, target, onward } = asked;
  const { method } = request;
  const body = bodyOf(request);
  const { headers, overridden, socket } = onward;
  const { name, deadline, priority } = route.upstream;
  // What holds is told anew: a stranger's own word might ask the upstream for the impossible.
  if (deadline !== undefined) headers.delete(deadlineHeaderNames[deadline.dialect]);
  const answer = route.call(
    { input: target, init: { method, headers, body }, sent },
    {
      // A proxy must not send others again, whatever key they bear (RFC 9110, section 9.2.2).
      repeatable: body === null && !overridden && isIdempotent(method),
      concurrent: !socket && safe.includes(method),
      signal: request.signal,
      key: route.name,
      ...(deadline !== undefined && incomingDeadline(request, deadline)),
      ...(priority !== undefined && (await priorityOf(request, name, priority, env))),
    },
  );
  // Its caller may be gone before it has settled: what it holds must come back all the same.
  waitUntil(answer.catch(() => {}));
  try {
    return await answer;
  } catch (error) {
    if (isRejected(error) || error instanceof AllFailedError) throw error;
    console.warn(`upstream ${name}`, error);
    return problem({ status: 502, type: "bad-gateway", detail: `${name} could not be reached` });
  }
}

/** A length of 0 is a stream to the platform, which it then refuses to send with a GET. */
function bodyOf({ body, headers }: Request): Request["body"] {
  return body === null || headers.get("content-length") === "0" ? null : body;
}

/** `%69` is an i; what is no encoding stands for itself. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
