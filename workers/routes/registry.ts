import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { CommandError, object, optional, span, text, wholeNumber } from "ninelives/control";
import { type Registered, registeredEndpoint } from "ninelives/upstreams";
import type { Env } from "../env.ts";
import { registryHome } from "../homes.ts";
import { identityOf, mayTouch } from "../middleware/access.ts";
import { denied } from "../middleware/denied.ts";
import { paced } from "../middleware/pace.ts";
import { BadJsonError, problem } from "../middleware/problem.ts";

/** Bytes of what a member says of itself. */
const largestMember = 4_096;
const shortestTtl = 3_000;
const longestTtl = 3_600_000;

/** What a member says of itself. */
export const memberBody = object({
  url: text({ most: 500, description: "an http(s) URL without query" }),
  weight: optional(wholeNumber({ most: 1_000 })),
  priority: optional(wholeNumber({ most: 100 })),
  ttl: optional(span("how long it stays without a heartbeat")),
});

type Routed = Context<{ Bindings: Env }>;

/** The registry of a service, for who has the scope. @throws CommandError */
async function registryOf(c: Routed, does: "register" | "discover") {
  const service = c.req.param("service") ?? "";
  const identity = await identityOf(c.req.raw, c.env);
  const scope = `${does}.${service}`;
  if (!mayTouch(identity, does, service)) {
    const refusal =
      identity.scopes.length === 0
        ? new CommandError("unauthenticated", `this needs a token with the scope ${scope}`)
        : new CommandError("forbidden", `${identity.name} may not do this: it needs the scope ${scope}`);
    throw denied(c.req.raw, c.env, identity, refusal);
  }
  const registry = registryHome(c.env, service);
  if (registry === undefined)
    throw new CommandError("not-found", "this Worker has no binding REGISTRY for a registry");
  return { registry, identity };
}

async function memberIn(c: Routed): Promise<Registered> {
  const given: unknown = await c.req.json().catch(() => {
    throw new BadJsonError("the body is no JSON");
  });
  const { ttl = 30_000, ...read } = memberBody.read(given, "body");
  if (ttl < shortestTtl || ttl > longestTtl)
    throw new CommandError("invalid-arguments", `ttl must be from 3s to 1h, but is ${ttl} ms`);
  try {
    return { ...registeredEndpoint({ name: c.req.param("member") ?? "", ...read }), ttl };
  } catch (error) {
    throw new CommandError("invalid-arguments", (error as Error).message);
  }
}

/** `/v1/registry/<service>`: who is there. `/v1/registry/<service>/<member>`: one comes, says that it is there, goes. */
export const registryRoutes = new Hono<{ Bindings: Env }>()
  .get("/:service{[a-z0-9][a-z0-9-]{0,62}}", async (c) =>
    c.json(await (await registryOf(c, "discover")).registry.members(), 200, { "cache-control": "no-store" }),
  )
  .put(
    "/:service{[a-z0-9][a-z0-9-]{0,62}}/:member{[\\w.:-]{1,100}}",
    bodyLimit({
      maxSize: largestMember,
      onError: () =>
        problem({
          status: 413,
          type: "member-too-large",
          detail: `a member has at most ${largestMember} bytes`,
        }),
    }),
    async (c) => {
      const { registry, identity } = await registryOf(c, "register");
      const member = await memberIn(c);
      if (await paced(c.env, identity, () => registry.renew(member)))
        return c.json({ expiresIn: member.ttl });
      return problem({ status: 507, type: "registry-full", detail: "there is no room for another member" });
    },
  )
  .delete("/:service{[a-z0-9][a-z0-9-]{0,62}}/:member{[\\w.:-]{1,100}}", async (c) => {
    const { registry, identity } = await registryOf(c, "register");
    await paced(c.env, identity, () => registry.leave(c.req.param("member")));
    return c.body(null, 204);
  });
