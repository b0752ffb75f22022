import { Hono } from "hono";
import type { Surroundings } from "../env.ts";
import { readers, untilEnd } from "../middleware/access.ts";
import { problem } from "../middleware/problem.ts";
import { observerOf } from "../observers.ts";

/** `/v1/state`, `/v1/live`: what the observer sees, once or as it goes. */
export const observerRoutes = new Hono<Surroundings>()
  .get("/state", readers, async (c) => c.json(await observerOf(c.env).state()))
  .get("/live", readers, async (c) => {
    const bySocket = c.req.header("upgrade")?.toLowerCase() === "websocket";
    if (!bySocket && !c.req.header("accept")?.includes("text/event-stream")) {
      return problem({
        status: 426,
        type: "upgrade-required",
        detail: "this is a WebSocket, or with Accept: text/event-stream a stream of server-sent events",
        headers: { upgrade: "websocket" },
      });
    }
    const response = await observerOf(c.env).fetch(untilEnd(c.req.raw, c.get("identity")));
    if (response.status === 503)
      return problem({ status: 503, type: "too-many-viewers", detail: "there is no room" });
    // A new one, since middleware adds headers and those of a response that was fetched cannot be changed.
    const { status, webSocket, headers, body } = response;
    return new Response(body, { status, webSocket, headers: new Headers(headers) });
  });
