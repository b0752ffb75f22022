import { Hono } from "hono";
import type { Env } from "../env.ts";
import { readers } from "../middleware/access.ts";
import { problem } from "../middleware/problem.ts";

/** `/v1/state`, `/v1/live`: what the observer sees, once or as it goes. */
export const observerRoutes = new Hono<{ Bindings: Env }>()
  .get("/state", readers, async (c) => c.json(await c.env.OBSERVER.getByName("observer").state()))
  .get("/live", readers, async (c) => {
    if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
      return problem({
        status: 426,
        type: "upgrade-required",
        detail: "this is a WebSocket",
        headers: { upgrade: "websocket" },
      });
    }
    const { webSocket, headers } = await c.env.OBSERVER.getByName("observer").fetch(c.req.raw);
    // A new one, since middleware adds headers and those of a response that was fetched cannot be changed.
    return new Response(null, { status: 101, webSocket, headers: new Headers(headers) });
  });
