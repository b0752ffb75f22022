/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import { Hono } from "hono";
import { raw } from "hono/html";
import type { JsonSchema } from "ninelives/control";
import { definitions } from "../commands.ts";
import type { Surroundings } from "../env.ts";
import { describedApi } from "./described.ts";
import { describedRoutes } from "./described-routes.ts";
import { docsStyle } from "./docs-style.ts";
import { schemaDescription, schemaFields, schemaWords } from "./schema-words.ts";

interface ShownRoute {
  /** Alike ones stand together, such as one path's methods. */
  readonly routes: readonly string[];
  readonly does: string;
  /** Where a click leads, which sends no token. */
  readonly link?: string;
}

const routes = shownRoutes();

/** `/docs`: what this Worker answers, and which commands it knows. */
export const docsRoutes = new Hono<Surroundings>().get("/", (c) => {
  const commands = definitions(c.env, c.get("own"));
  return c.html(
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Nine Lives: the API</title>
        <style nonce={c.get("secureHeadersNonce")}>{raw(docsStyle)}</style>
      </head>
      <body>
        <header>
          <h1>Nine Lives: the API</h1>
          <a href="/">Dashboard</a>
          <a href="/v1/openapi.json">OpenAPI document</a>
        </header>
        <div class="sides">
          <nav aria-label="Contents">
            <ul>
              <li>
                <a href="#routes">Routes</a>
              </li>
              <li>
                <a href="#answers">Answers</a>
              </li>
              <li>
                <a href="#commands">Commands</a>
              </li>
            </ul>
            <ul>
              {commands.map(({ name }) => (
                <li>
                  <a href={`#${name}`}>
                    <code>{name}</code>
                  </a>
                </li>
              ))}
            </ul>
          </nav>
          <main>
            <section id="routes">
              <h2>Routes</h2>
              <dl>
                {routes.map((shown) => (
                  <Route {...shown} />
                ))}
              </dl>
            </section>
            <section id="answers">
              <h2>What a command may come to</h2>
              <p>
                200 with <code>{"{ id, name, value }"}</code>, or a problem document (RFC 9457) whose type is{" "}
                <code>urn:ninelives:problem:</code> and one of these:
              </p>
              <Failures of={describedApi(c.env, c.get("own"))} />
            </section>
            <section id="commands">
              <h2>Commands</h2>
              <p>Each takes its arguments as the body of a POST, and needs a token of its scope:</p>
              <pre>
                {`curl -X POST ${new URL(c.req.url).origin}/v1/commands/policy.get -H "Authorization: Bearer $TOKEN" -d '{ "name": "prices" }'`}
              </pre>
              {commands.map(({ name, description, scope, input }) => (
                <section id={name}>
                  <h3>
                    <a href={`#${name}`}>
                      <code>{name}</code>
                    </a>
                  </h3>
                  <p>
                    {description}{" "}
                    <span class="quiet">
                      Needs the scope <code>{scope}</code>.
                    </span>
                  </p>
                  <Fields of={input} />
                </section>
              ))}
            </section>
          </main>
        </div>
      </body>
    </html>,
  );
});

function Route({ routes, does, link }: ShownRoute) {
  return (
    <>
      {routes.map((route) => (
        <dt>
          {link === undefined ? (
            <code>{route}</code>
          ) : (
            <a href={link}>
              <code>{route}</code>
            </a>
          )}
        </dt>
      ))}
      <dd>{does}</dd>
    </>
  );
}

/** What may be given, with what is within it. */
function Fields({ of }: { readonly of: JsonSchema }) {
  const fields = schemaFields(of);
  if (fields.length === 0) return null;
  return (
    <ul class="fields">
      {fields.map(({ name, schema, isRequired }) => {
        const description = schemaDescription(schema);
        return (
          <li>
            <code>{name}</code>
            {isRequired ? "" : " (optional)"}: {schemaWords(schema)}
            {description === undefined ? "" : <span class="quiet">; {description}</span>}
            <Fields of={schema} />
          </li>
        );
      })}
    </ul>
  );
}

/** The errors that the OpenAPI document has of commands. */
function Failures({ of }: { readonly of: JsonSchema }) {
  const { paths } = of as { readonly paths: Readonly<Record<string, { readonly post: Answers }>> };
  const answers = Object.entries(paths["/v1/commands"]?.post.responses ?? {});
  return (
    <table>
      <tbody>
        {answers
          .filter(([status]) => status !== "200")
          .map(([status, { description }]) => {
            const [types = "", ...when] = description.split(": ");
            return (
              <tr>
                <th scope="row">{status}</th>
                <td>
                  <code>{types}</code>
                </td>
                <td>{when.join(": ")}</td>
              </tr>
            );
          })}
      </tbody>
    </table>
  );
}

interface Answers {
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
}

function shownRoutes(): readonly ShownRoute[] {
  const shown: ShownRoute[] = [
    // Programs are told of them not at all, or in other words.
    { routes: ["GET /"], does: "The dashboard.", link: "/" },
    { routes: ["POST /v1/commands"], does: "Does a command { id, name, args }, with a token." },
    {
      routes: ["POST /v1/commands/<name>"],
      does: "The same, with its args as the body and its id as Idempotency-Key.",
    },
  ];
  for (const { method, path, summary, security, parameters } of describedRoutes) {
    const route = `${method.toUpperCase()} ${path}`;
    const before = shown.at(-1);
    const isOpen = method === "get" && security?.length === 0 && parameters === undefined;
    if (before?.does === summary) shown.splice(-1, 1, { ...before, routes: [...before.routes, route] });
    else shown.push({ routes: [route], does: summary, ...(isOpen && { link: path }) });
  }
  return shown;
}
