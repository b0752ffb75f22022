import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { readBatch } from "ninelives/telemetry";
import type { Env } from "../env.ts";
import { tokenOf } from "../middleware/access.ts";
import { problem } from "../middleware/problem.ts";

/** Bytes of a batch. */
const largestBody = 256 * 1024;

/** `/v1/events`: the collector. A key can only ingest, and only for the origins that it is bound to. */
export const eventRoutes = new Hono<{ Bindings: Env }>()
  .options("/", (c) => {
    const origin = c.req.header("origin");
    // A preflight bears no key: it is answered for any origin that some key is bound to.
    const listed = Object.values(ingestKeys(c.env)).flat();
    if (origin === undefined || !(listed.includes(origin) || listed.includes("*"))) return c.body(null, 403);
    return c.body(null, 204, {
      ...corsHeaders(origin),
      "access-control-allow-methods": "POST",
      "access-control-allow-headers": "authorization, content-type",
      "access-control-max-age": "86400",
    });
  })
  .post(
    "/",
    bodyLimit({
      maxSize: largestBody,
      onError: () =>
        problem({ status: 413, type: "batch-too-large", detail: `a batch has at most ${largestBody} bytes` }),
    }),
    async (c) => {
      const denied = deny(c);
      if (denied !== undefined) return denied;
      let input: unknown;
      try {
        input = await c.req.json();
      } catch {
        return problem({ status: 400, type: "bad-json", detail: "the body is no JSON" });
      }
      const { batch, rejected } = readBatch(input);
      if (batch.events.length > 0 || batch.dropped > 0)
        await c.env.OBSERVER.getByName("observer").ingest(batch);
      const origin = c.req.header("origin");
      return c.json(
        { accepted: batch.events.length, rejected },
        202,
        origin === undefined ? {} : corsHeaders(origin),
      );
    },
  );

function deny(c: Context<{ Bindings: Env }>): Response | undefined {
  const keys = ingestKeys(c.env);
  const key = tokenOf(c.req.raw);
  const origins = key !== undefined && Object.hasOwn(keys, key) ? keys[key] : undefined;
  if (origins === undefined) {
    return problem({
      status: 401,
      type: "unauthenticated",
      detail: "this needs an ingest key that the collector knows",
      headers: { "www-authenticate": "Bearer" },
    });
  }
  const origin = c.req.header("origin");
  if (origin === undefined || origins.includes(origin) || origins.includes("*")) return undefined;
  return problem({ status: 403, type: "forbidden", detail: `the key is not bound to the origin ${origin}` });
}

function ingestKeys(env: Env): Readonly<Record<string, readonly string[]>> {
  return env.INGEST_KEYS === undefined || env.INGEST_KEYS === "" ? {} : JSON.parse(env.INGEST_KEYS);
}

function corsHeaders(origin: string): Record<string, string> {
  return { "access-control-allow-origin": origin, vary: "origin" };
}
