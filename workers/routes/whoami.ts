import { Hono } from "hono";
import { apiVersion, CommandError, version } from "ninelives/control";
import type { Env } from "../env.ts";
import { identityOf } from "../middleware/access.ts";
import { denied } from "../middleware/denied.ts";

/** `/v1/whoami`: whose token it is, what it may, and what runs here; for clients that want to say what is wrong. */
export const whoamiRoutes = new Hono<{ Bindings: Env }>().get("/", async (c) => {
  const identity = await identityOf(c.req.raw, c.env);
  const { name, scopes, policies } = identity;
  if (scopes.length === 0) {
    const refusal = new CommandError("unauthenticated", "this needs a token that the server knows");
    throw denied(c.req.raw, c.env, identity, refusal);
  }
  c.header("cache-control", "no-store");
  return c.json({ name, scopes, policies, version, api: apiVersion });
});
