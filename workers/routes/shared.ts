import { type Context, Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { CommandError } from "ninelives/control";
import { largestReport, ReportError, readReport } from "ninelives/stores/durable-object";
import type { Surroundings } from "../env.ts";
import { circuitHome } from "../homes.ts";
import { identityOf, mayTouch, untilEnd } from "../middleware/access.ts";
import { denied } from "../middleware/denied.ts";
import { paced } from "../middleware/pace.ts";
import { problem } from "../middleware/problem.ts";

const longestName = 200;

type Shared = Context<Surroundings, "/:name">;

/** Lets in whoever has the scope for this name: `share.shop/*` is for all that begin with `shop/`. */
const members: MiddlewareHandler<Surroundings, "/:name"> = async (c, next) => {
  const name = c.req.param("name");
  // First, so that no refusal tells a long one back.
  if (name.length > longestName) {
    return problem({
      status: 414,
      type: "name-too-long",
      detail: `a name has at most ${longestName} characters`,
    });
  }
  const identity = await identityOf(c.req.raw, c.env);
  const scope = `share.${name}`;
  if (!mayTouch(identity, "share", name)) {
    const refusal =
      identity.scopes.length === 0
        ? new CommandError("unauthenticated", `this needs a token with the scope ${scope}`)
        : new CommandError(
            "forbidden",
            `${identity.name} may not share ${name}: it needs the scope ${scope}`,
          );
    throw denied(c.req.raw, c.env, identity, refusal);
  }
  c.set("identity", identity);
  return paced(c.env, identity, next);
};

const home = (c: Shared) => circuitHome(c.env, c.req.param("name"));

/** `/v1/shared/<name>`: followers report here, by POST, or open a WebSocket and hear of each change. */
export const sharedRoutes = new Hono<Surroundings>()
  // A token is all that counts, and no browser sends one by itself.
  .use(
    cors({
      origin: "*",
      allowMethods: ["POST"],
      allowHeaders: ["authorization", "content-type"],
      maxAge: 86_400,
    }),
  )
  .get("/:name", members, async (c) => {
    if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
      return problem({
        status: 426,
        type: "upgrade-required",
        detail: "this is a WebSocket; a single report comes by POST",
        headers: { upgrade: "websocket" },
      });
    }
    const { status, webSocket, headers } = await home(c).fetch(untilEnd(c.req.raw, c.get("identity")));
    if (status !== 101) {
      // As long as a follower of ours leaves a home alone that would not have it; its reports by POST are taken.
      const headers = { "retry-after": "30" };
      return problem({ status: 503, type: "too-many-followers", detail: "there is no room", headers });
    }
    // A new one, since middleware adds headers and those of a response that was fetched cannot be changed.
    return new Response(null, { status: 101, webSocket, headers: new Headers(headers) });
  })
  .post(
    "/:name",
    members,
    bodyLimit({
      maxSize: largestReport,
      onError: () =>
        problem({
          status: 413,
          type: "report-too-large",
          detail: `a report has at most ${largestReport} bytes`,
        }),
    }),
    async (c) => {
      try {
        const view = await home(c).sync(readReport(await c.req.json()));
        return c.json(view);
      } catch (error) {
        if (error instanceof SyntaxError)
          return problem({ status: 400, type: "bad-json", detail: "the body is no JSON" });
        if (error instanceof ReportError)
          return problem({ status: 422, type: "bad-report", detail: error.message });
        throw error;
      }
    },
  );
