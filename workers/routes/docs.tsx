/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import { Hono } from "hono";
import type { JsonSchema } from "ninelives/control";
import { definitions } from "../commands.ts";
import type { Surroundings } from "../env.ts";
import { describedRoutes } from "./described-routes.ts";

/** What programs are not told of, or in other words. */
const others = [
  ["GET /", "The dashboard."],
  ["POST /v1/commands", "Does a command { id, name, args }, with a token."],
  ["POST /v1/commands/<name>", "The same, with its args as the body and its id as Idempotency-Key."],
] as const;

const routes = [
  ...others,
  ...describedRoutes.map(
    ({ method, path, summary }) => [`${method.toUpperCase()} ${path}`, summary] as const,
  ),
];

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
