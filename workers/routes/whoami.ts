import { Hono } from "hono";
import { apiVersion, CommandError, version } from "ninelives/control";
import type { Env } from "../env.ts";
import { identityOf } from "../middleware/access.ts";

/** `/v1/whoami`: whose token it is, what it may, and what runs here; for clients that want to say what is wrong. */
export const whoamiRoutes = new Hono<{ Bindings: Env }>().get("/", async (c) => {
  const { name, scopes, policies } = await identityOf(c.req.raw, c.env);
  if (scopes.length === 0)
    throw new CommandError("unauthenticated", "this needs a token that the server knows");
  c.header("cache-control", "no-store");
  return c.json({ name, scopes, policies, version, api: apiVersion });
});
