import { Hono } from "hono";
import { accepts } from "hono/accepts";
import { openMetricsType, prometheusType } from "ninelives/telemetry";
import type { Surroundings } from "../env.ts";
import { readers } from "../middleware/access.ts";
import { observerOf } from "../observers.ts";

const plain = "text/plain";
const openMetrics = "application/openmetrics-text";

/** `/metrics`: Prometheus' text format, or OpenMetrics for who prefers it. */
export const metricsRoutes = new Hono<Surroundings>().get("/", readers, async (c) => {
  const asked = accepts(c, { header: "Accept", supports: [plain, openMetrics], default: plain });
  const open = asked === openMetrics;
  return c.body(await observerOf(c.env).metrics(open), 200, {
    "content-type": open ? openMetricsType : prometheusType,
    vary: "accept",
  });
});
