/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import { Hono } from "hono";
import type { JsonSchema } from "ninelives/control";
import { definitions } from "../commands.ts";
import type { Surroundings } from "../env.ts";

const routes = [
  ["GET /", "the dashboard"],
  ["ANY /gateway/<upstream>/<path>", "forwards through the upstream's policy"],
  ["POST /v1/events", "takes a batch of events, with an ingest key"],
  ["GET /v1/state", "what the observer sees"],
  ["GET /v1/live", "the same as it goes, by WebSocket"],
  ["POST /v1/shared/<name>", "takes a replica's report, with a token of the scope share.<name>"],
  ["GET /v1/shared/<name>", "the same by WebSocket, which hears of each change"],
  ["POST /v1/commands", "does a command { id, name, args }, with a token"],
  ["POST /v1/commands/<name>", "the same, with its args as the body and its id as Idempotency-Key"],
  ["GET /v1/openapi.json", "the control plane as OpenAPI 3.1"],
  ["GET /v1/policies", "the policies of the upstreams, with their versions"],
  ["GET /v1/parameters", "all that may be set in them, with bounds and defaults"],
  ["GET /v1/audit", "what was commanded, by whom, and what became of it"],
  ["GET /v1/registry/<service>", "who is registered, with a token of the scope discover.<service>"],
  [
    "PUT /v1/registry/<service>/<member>",
    "registers, or says that one is still there, with register.<service>",
  ],
  ["DELETE /v1/registry/<service>/<member>", "gives the place up"],
  ["GET /v1/whoami", "whose token it is, what it may, and which version answers"],
  ["GET /metrics", "counters for Prometheus"],
  ["GET /healthz", "whether the Worker runs and its configuration is right"],
] as const;

interface Field {
  readonly type?: string;
  readonly description?: string;
}

function fieldsOf(input: JsonSchema): Readonly<Record<string, Field>> {
  return (input.properties ?? {}) as Readonly<Record<string, Field>>;
}

function isRequired({ required }: JsonSchema, field: string): boolean {
  return Array.isArray(required) && required.includes(field);
}

/** `/docs`: what this Worker answers, and which commands it knows. */
export const docsRoutes = new Hono<Surroundings>().get("/", (c) =>
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
        {definitions(c.env, c.get("own")).map(({ name, description, scope, input }) => (
          <section id={name}>
            <h3>
              <code>{name}</code>
            </h3>
            <p>
              {description} Needs the scope <code>{scope}</code>.
            </p>
            <ul>
              {Object.entries(fieldsOf(input)).map(([field, { type, description }]) => (
                <li>
                  <code>{field}</code>
                  {isRequired(input, field) ? "" : " (optional)"}: {type ?? "one of several"}
                  {description === undefined ? "" : `, ${description}`}
                </li>
              ))}
            </ul>
          </section>
        ))}
        <h2>What a command may come to</h2>
        <p>
          200 with <code>{"{ id, name, value }"}</code>, or a problem document (RFC 9457): 401
          unauthenticated, 403 forbidden, 404 unknown-command or not-found, 409 conflict, 413
          command-too-large, 422 invalid-arguments.
        </p>
      </body>
    </html>,
  ),
);
