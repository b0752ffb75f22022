import { Hono } from "hono";

/** A route that only parses what a collector takes. */
export const bare = new Hono().post("/bare", async (c) => {
  const { events } = await c.req.json<{ events: readonly unknown[] }>();
  return c.json({ accepted: events.length }, 202);
});
