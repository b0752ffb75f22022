import { Hono } from "hono";
import { isRejected } from "ninelives";
import { BatchError } from "ninelives/telemetry";
import { collectorOf } from "../collector.ts";
import type { Env } from "../env.ts";
import { type IngestKeys, isBoundTo, originsOf, readIngestKeys } from "../ingest-keys.ts";
import { tokenOf } from "../middleware/access.ts";
import { bodyText } from "../middleware/body-text.ts";
import { problem, problemOf } from "../middleware/problem.ts";

/** Bytes of a batch, packed or not. */
const largestBody = 256 * 1024;
/** Senders keep the batch, and none is told what is wrong inside. */
const unavailable = () =>
  problem({
    status: 503,
    type: "observer-unavailable",
    detail: "the batch was not taken: it may be sent again later",
    headers: { "retry-after": "2" },
  });
const tooLarge = () =>
  problem({ status: 413, type: "batch-too-large", detail: `a batch has at most ${largestBody} bytes` });

/** `/v1/events`: the collector. A key can only ingest, and only for the origins that it is bound to. */
export const eventRoutes = new Hono<{ Bindings: Env }>().on(["POST", "OPTIONS"], "/", (c) =>
  answerTo(c.req.raw, c.env),
);

/**
 * The same without a router, whose middleware takes as long for a batch as it takes to count its events.
 *
 * @returns nothing for what is none of the collector's
 */
export function collected(request: Request, pathname: string, env: Env): Promise<Response> | undefined {
  if (pathname !== "/v1/events" || (request.method !== "POST" && request.method !== "OPTIONS"))
    return undefined;
  return answerTo(request, env).catch(problemOf);
}

/**
 * Lets pages read the answer, also one that says what is wrong: else they would take it for a lost connection and send
 * the batch again; and when to come back. A preflight bears no key, so any origin will do that some key is bound to.
 */
async function answerTo(request: Request, env: Env): Promise<Response> {
  const keys = readIngestKeys(env.INGEST_KEYS);
  const origin = request.headers.get("origin");
  const mayRead = origin !== null && [...keys.values()].some((origins) => isBoundTo(origins, origin));
  if (request.method === "OPTIONS") return preflight(mayRead ? origin : undefined);
  const response = await received(request, env, keys, origin).catch(problemOf);
  if (!mayRead) return response;
  response.headers.set("access-control-allow-origin", origin);
  response.headers.set("access-control-expose-headers", "retry-after");
  response.headers.append("vary", "origin");
  return response;
}

function preflight(origin: string | undefined): Response {
  if (origin === undefined) return new Response(null, { status: 403 });
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-origin": origin,
      "access-control-allow-methods": "POST",
      "access-control-allow-headers": "authorization, content-type, content-encoding",
      "access-control-max-age": "86400",
      vary: "origin",
    },
  });
}

async function received(
  request: Request,
  env: Env,
  keys: IngestKeys,
  origin: string | null,
): Promise<Response> {
  const key = tokenOf(request) ?? "";
  const denied = deny(await originsOf(keys, key), origin);
  if (denied !== undefined) return denied;
  const text = await bodyText(request, largestBody, tooLarge);
  if (text instanceof Response) return text;
  const collector = collectorOf(env);
  try {
    const receipt = await collector.take(text, { key, repeatable: false });
    return new Response(JSON.stringify(receipt), {
      status: 202,
      headers: { "content-type": "application/json", "x-content-type-options": "nosniff" },
    });
  } catch (error) {
    if (isRejected(error) || error instanceof BatchError) return problemOf(error);
    console.error(error);
    return unavailable();
  }
}

function deny(origins: readonly string[] | undefined, origin: string | null): Response | undefined {
  if (origins === undefined) {
    return problem({
      status: 401,
      type: "unauthenticated",
      detail: "this needs an ingest key that the collector knows",
      headers: { "www-authenticate": "Bearer" },
    });
  }
  if (origin === null || isBoundTo(origins, origin)) return undefined;
  return problem({ status: 403, type: "forbidden", detail: `the key is not bound to the origin ${origin}` });
}
