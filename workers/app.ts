import { Hono } from "hono";
import { NONCE, secureHeaders } from "hono/secure-headers";
import { readTokens } from "ninelives/control";
import { readAlerts } from "./alerting.ts";
import { collectorOf } from "./collector.ts";
import type { OwnCommands } from "./commands.ts";
import type { Env, Surroundings } from "./env.ts";
import { gatewayOf } from "./gateway.ts";
import { checkGatewayHost } from "./gateway-host.ts";
import { readIngestKeys } from "./ingest-keys.ts";
import { verifierOf } from "./jwt-issuer.ts";
import { problem, problemOf } from "./middleware/problem.ts";
import { readShards } from "./observers.ts";
import { controlRoutes } from "./routes/control.ts";
import { docsRoutes } from "./routes/docs.tsx";
import { collected, eventRoutes } from "./routes/events.ts";
import { forwarded, gatewayRoutes } from "./routes/gateway.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { observerRoutes } from "./routes/observer.ts";
import { registryRoutes } from "./routes/registry.ts";
import { sharedRoutes } from "./routes/shared.ts";
import { whoamiRoutes } from "./routes/whoami.ts";

export interface AppOptions {
  /** Commands of one's own, beside the Worker's: they are in REST, in the OpenAPI document and at `/docs` too. */
  readonly commands?: OwnCommands;
}

/**
 * All routes of the Worker. What none of them knows is a static asset of the dashboard, or nothing.
 *
 * @throws TypeError at the first command where two of them have one name
 * @example
 * export default createApp({ commands: (env) => [drain(env)] });
 */
export const createApp = ({ commands }: AppOptions = {}) => {
  const app = new Hono<Surroundings>()
    .route("/gateway", gatewayRoutes)
    // Before the headers that keep pages safe: what no page shows needs few of them, and batches come often.
    .route("/v1/events", eventRoutes)
    .use("/v1/*", secureHeaders())
    .use("/metrics", secureHeaders())
    .use("/healthz", secureHeaders())
    .on(["GET", "POST"], ["/v1/*", "/docs"], async (c, next) => {
      if (commands !== undefined) c.set("own", commands);
      await next();
    })
    .use(
      "/docs",
      secureHeaders({
        contentSecurityPolicy: {
          defaultSrc: ["'none'"],
          styleSrc: [NONCE],
          baseUri: ["'none'"],
          formAction: ["'none'"],
          frameAncestors: ["'none'"],
        },
      }),
    )
    .route("/v1/shared", sharedRoutes)
    .route("/v1/whoami", whoamiRoutes)
    .route("/v1/registry", registryRoutes)
    .route("/v1", controlRoutes)
    .route("/v1", observerRoutes)
    .route("/metrics", metricsRoutes)
    .get("/healthz", (c) => {
      // Each throws when its part of the configuration is wrong.
      readTokens(c.env.TOKENS);
      verifierOf(c.env);
      readIngestKeys(c.env.INGEST_KEYS);
      collectorOf(c.env);
      readAlerts(c.env.ALERTS);
      readShards(c.env);
      checkGatewayHost(c.env);
      return c.json({ status: "ok", upstreams: gatewayOf(c.env).upstreams.size });
    })
    .route("/docs", docsRoutes)
    .notFound(() => problem({ status: 404, type: "not-found", detail: "there is nothing at this path" }))
    .onError((error) => problemOf(error));
  const { fetch } = app;
  app.fetch = (request, env, context) => {
    const url = URL.parse(request.url);
    // Of a request with two hosts the platform makes a URL that is none.
    if (url === null) return problem({ status: 400, type: "bad-url", detail: "the URL or its host is none" });
    return (
      forwarded(request, url, env as Env) ??
      collected(request, url.pathname, env as Env) ??
      fetch(request, env, context)
    );
  };
  return app;
};

export const app = createApp();
