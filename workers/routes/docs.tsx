/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import { Hono } from "hono";
import { definitions } from "../commands.ts";
import type { Env } from "../env.ts";

const routes = [
  ["GET /", "the dashboard"],
  ["ANY /gateway/<upstream>/<path>", "forwards through the upstream's policy"],
  ["POST /v1/events", "takes a batch of events, with an ingest key"],
  ["GET /v1/state", "what the observer sees"],
  ["GET /v1/live", "the same as it goes, by WebSocket"],
  ["POST /v1/shared/<name>", "takes a replica's report, with a token of the scope share.<name>"],
  ["GET /v1/shared/<name>", "the same by WebSocket, which hears of each change"],
  ["POST /v1/commands", "does a command { id, name, args }, with a token"],
  ["GET /v1/policies", "the policies of the upstreams, with their versions"],
  ["GET /v1/audit", "what was commanded, by whom, and what became of it"],
  ["GET /metrics", "counters for Prometheus"],
  ["GET /healthz", "whether the Worker runs and its configuration is right"],
] as const;

/** `/docs`: what this Worker answers, and which commands it knows. */
export const docsRoutes = new Hono<{ Bindings: Env }>().get("/", (c) =>
  c.html(
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Nine Lives: the API</title>
      </head>
      <body>
        <h1>Nine Lives: the API</h1>
        <h2>Routes</h2>
        <dl>
          {routes.map(([route, does]) => (
            <>
              <dt>
                <code>{route}</code>
              </dt>
              <dd>{does}</dd>
            </>
          ))}
        </dl>
        <h2>Commands</h2>
        <ul>
          {definitions(c.env).map(({ name, scope }) => (
            <li>
              <code>{name}</code> needs the scope <code>{scope}</code>
            </li>
          ))}
        </ul>
      </body>
    </html>,
  ),
);
