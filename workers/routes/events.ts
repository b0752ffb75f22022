import { type Context, Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { collectorOf } from "../collector.ts";
import type { Env } from "../env.ts";
import { isBoundTo, originsOf, readIngestKeys } from "../ingest-keys.ts";
import { tokenOf } from "../middleware/access.ts";
import { bodyText } from "../middleware/body-text.ts";
import { problem } from "../middleware/problem.ts";

/** Bytes of a batch, packed or not. */
const largestBody = 256 * 1024;
const tooLarge = () =>
  problem({ status: 413, type: "batch-too-large", detail: `a batch has at most ${largestBody} bytes` });

/**
 * Lets pages read the answer, also one that says what is wrong: else they would take it for a lost connection and send
 * the batch again; and when to come back. A preflight bears no key, so any origin will do that some key is bound to.
 */
const readable: MiddlewareHandler<{ Bindings: Env }> = async (c, next) => {
  await next();
  const origin = c.req.header("origin");
  if (origin === undefined || !isBoundTo([...readIngestKeys(c.env.INGEST_KEYS).values()].flat(), origin))
    return;
  c.header("access-control-allow-origin", origin);
  c.header("access-control-expose-headers", "retry-after");
  c.header("vary", "origin", { append: true });
};

/** `/v1/events`: the collector. A key can only ingest, and only for the origins that it is bound to. */
export const eventRoutes = new Hono<{ Bindings: Env }>()
  .use(readable)
  .options("/", (c) => {
    const origin = c.req.header("origin");
    const listed = [...readIngestKeys(c.env.INGEST_KEYS).values()].flat();
    if (origin === undefined || !isBoundTo(listed, origin)) return c.body(null, 403);
    return c.body(null, 204, {
      "access-control-allow-methods": "POST",
      "access-control-allow-headers": "authorization, content-type, content-encoding",
      "access-control-max-age": "86400",
    });
  })
  .post(
    "/",
    bodyLimit({
      maxSize: largestBody,
      onError: tooLarge,
    }),
    async (c) => {
      const denied = await deny(c);
      if (denied !== undefined) return denied;
      const text = await bodyText(c.req.raw, largestBody, tooLarge);
      if (text instanceof Response) return text;
      const key = tokenOf(c.req.raw) ?? "";
      const receipt = await collectorOf(c.env).take(text, { key, repeatable: false });
      return c.json(receipt, 202, { "x-content-type-options": "nosniff" });
    },
  );

async function deny(c: Context<{ Bindings: Env }>): Promise<Response | undefined> {
  const origins = await originsOf(readIngestKeys(c.env.INGEST_KEYS), tokenOf(c.req.raw));
  if (origins === undefined) {
    return problem({
      status: 401,
      type: "unauthenticated",
      detail: "this needs an ingest key that the collector knows",
      headers: { "www-authenticate": "Bearer" },
    });
  }
  const origin = c.req.header("origin");
  if (origin === undefined || isBoundTo(origins, origin)) return undefined;
  return problem({ status: 403, type: "forbidden", detail: `the key is not bound to the origin ${origin}` });
}
