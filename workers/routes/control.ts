import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { parameterStates, policyDocuments, readCommand, sha256 } from "ninelives/control";
import { commandsOf } from "../commands.ts";
import { planeOf } from "../document-plane.ts";
import type { Surroundings } from "../env.ts";
import { gatewayOf } from "../gateway.ts";
import { controlOf } from "../homes.ts";
import { identityOf, readers, untilEnd } from "../middleware/access.ts";
import { BadJsonError, problem } from "../middleware/problem.ts";
import { describedApi } from "./described.ts";

const largestCommand = 64 * 1024;
/** Four hundred policies with fifty versions each. What goes to an object at once is 32 MiB at most. */
const largestSnapshot = 8 * 1024 * 1024;
const auditShown = 500;

const otherThan = (one: string) =>
  ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].filter((method) => method !== one);

/** A command whose name is its path: the body is its arguments, and the id a header. */
async function named(c: Context<Surroundings>): Promise<Response> {
  const identity = await identityOf(c.req.raw, c.env);
  const id = c.req.header("idempotency-key") ?? crypto.randomUUID();
  const name = c.req.path.slice(c.req.path.lastIndexOf("/") + 1);
  const args = await bodyOf(c.req.raw);
  return c.json(await commandsOf(c.env, c.get("own"))(readCommand({ id, name, args }, identity)));
}

const limited = (most: number) =>
  bodyLimit({
    maxSize: most,
    onError: () =>
      problem({ status: 413, type: "command-too-large", detail: `a command has at most ${most} bytes` }),
  });

/** Reads a body as JSON, or says that it is none. */
async function bodyOf(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    throw new BadJsonError("the body is no JSON");
  }
}

/** An answer with its tag, or only that nothing has changed. */
async function tagged(request: Request, value: unknown): Promise<Response> {
  const body = JSON.stringify(value);
  const etag = `"${(await sha256(body)).slice(0, 32)}"`;
  const headers = { etag, "cache-control": "no-cache", "content-type": "application/json" };
  // Proxies that pack a body make its tag a weak one.
  const known = (request.headers.get("if-none-match") ?? "")
    .split(",")
    .map((tag) => tag.trim().replace(/^W\//, ""));
  return known.includes(etag)
    ? new Response(null, { status: 304, headers })
    : new Response(body, { headers });
}

/** The answer to a method that a path does not know. */
const only =
  (...methods: readonly string[]) =>
  () =>
    problem({
      status: 405,
      type: "method-not-allowed",
      detail: `this path answers to ${methods.join(", ")}`,
      headers: { allow: methods.join(", ") },
    });

/** `/v1/commands`, `/v1/policies`, `/v1/parameters`, `/v1/audit`, `/v1/openapi.json`: the control plane over HTTP. */
export const controlRoutes = new Hono<Surroundings>()
  .post("/commands", limited(largestCommand), async (c) => {
    const identity = await identityOf(c.req.raw, c.env);
    return c.json(await commandsOf(c.env, c.get("own"))(readCommand(await bodyOf(c.req.raw), identity)));
  })
  .post("/commands/control.restore", limited(largestSnapshot), named)
  .post("/commands/:name", limited(largestCommand), named)
  .on(otherThan("POST"), ["/commands", "/commands/:name"], only("POST"))
  .get("/openapi.json", (c) => c.json(describedApi(c.env, c.get("own"))))
  // Pages of other origins follow too. A token is all that counts, and no browser sends one by itself.
  .use(
    "/policies",
    cors({
      origin: "*",
      allowMethods: ["GET"],
      allowHeaders: ["authorization", "if-none-match"],
      exposeHeaders: ["etag"],
      maxAge: 86_400,
    }),
  )
  .get("/policies", readers, async (c) => {
    if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
      await gatewayOf(c.env).catchUp();
      return tagged(c.req.raw, { policies: await policyDocuments(planeOf(c.env)) });
    }
    const { status, webSocket, headers } = await controlOf(c.env).fetch(
      untilEnd(c.req.raw, c.get("identity")),
    );
    if (status !== 101) {
      return problem({ status: 503, type: "too-many-followers", detail: "there is no room" });
    }
    // A new one, since middleware adds headers and those of a response that was fetched cannot be changed.
    return new Response(null, { status: 101, webSocket, headers: new Headers(headers) });
  })
  .get("/parameters", readers, async (c) => {
    await gatewayOf(c.env).catchUp();
    return tagged(c.req.raw, { parameters: await parameterStates(planeOf(c.env), () => true) });
  })
  .get("/audit", readers, async (c) => c.json(await controlOf(c.env).audit(auditShown)))
  .on(otherThan("GET"), ["/policies", "/parameters", "/audit", "/openapi.json"], only("GET", "HEAD"));
