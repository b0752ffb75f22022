import createClient from "openapi-fetch";
import { describe, expect, it } from "vitest";
import { report } from "../contracts/store.ts";
import { ingestKey, problemIn, testWorker, tokens } from "./test-worker.ts";

type Schema = Readonly<Record<string, unknown>>;

interface Operation {
  readonly operationId: string;
  readonly requestBody?: { readonly content: { readonly "application/json": { readonly schema: Schema } } };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >;
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: { readonly Problem: Schema } };
}

/** What of a value is not as a schema says; of the keywords that the document uses. */
function wrong(schema: Schema, value: unknown, path = "$"): string[] {
  const {
    oneOf,
    allOf = [],
    type,
    required,
    properties,
    items,
  } = schema as {
    oneOf?: Schema[];
    allOf?: Schema[];
    type?: string | string[];
    required?: string[];
    properties?: Record<string, Schema>;
    items?: Schema;
  };
  if (oneOf !== undefined) {
    const fit = oneOf.filter((each) => wrong(each, value).length === 0);
    return fit.length === 1 ? [] : [`${path} fits ${fit.length} of ${oneOf.length}`];
  }
  const inAll = allOf.flatMap((each) => wrong(each, value, path));
  if (inAll.length > 0) return inAll;
  if (Array.isArray(schema.enum) && !schema.enum.includes(value))
    return [`${path} is none of ${schema.enum}`];
  if ("const" in schema && schema.const !== value) return [`${path} is not ${schema.const}`];
  const found = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  const is = Number.isInteger(value) ? [found, "integer"] : [found];
  if (type !== undefined && ![type].flat().some((each) => is.includes(each)))
    return [`${path} is no ${type}`];
  if (Array.isArray(value)) {
    return value.flatMap((each, index) =>
      items === undefined ? [] : wrong(items, each, `${path}[${index}]`),
    );
  }
  if (found !== "object") return [];
  const object = value as Record<string, unknown>;
  const missing = (required ?? []).filter((name) => !(name in object)).map((name) => `${path} lacks ${name}`);
  const inside = Object.entries(properties ?? {}).flatMap(([name, each]) =>
    name in object ? wrong(each, object[name], `${path}.${name}`) : [],
  );
  return [...missing, ...inside];
}

/** A client that knows of the API only what its document says. */
async function generated(token: string = tokens.admin) {
  const worker = await testWorker({
    upstreams: {
      prices: { service: "ORIGIN", policy: "retry(1) + circuitBreaker(consecutiveFailures: 2)" },
      quotes: { service: "ORIGIN", policy: "rateLimit(10)" },
      stock: { members: [{ service: "ORIGIN" }, { service: "ORIGIN" }] },
    },
  });
  const document = await (await worker.fetch("/v1/openapi.json")).json<Document>();
  const client = createClient<Record<string, Record<string, never>>>({
    baseUrl: "https://edge.test",
    headers: { authorization: `Bearer ${token}` },
    fetch: (request: Request) => {
      const { pathname } = new URL(request.url);
      return worker.fetch(pathname, request);
    },
  });
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  /** With the schema of all problems in the place of its name. */
  const resolved = (schema: Schema) =>
    JSON.parse(
      JSON.stringify(schema).replace(
        '{"$ref":"#/components/schemas/Problem"}',
        JSON.stringify(document.components.schemas.Problem),
      ),
    );
  const call = async (
    operationId: string,
    body?: object,
    { path: inPath = {}, bearing, parseAs }: How = {},
  ) => {
    const found = operations.find(({ operation }) => operation.operationId === operationId);
    if (found === undefined) throw new Error(`the document has no ${operationId}`);
    const { method, path, operation } = found;
    const send = client[method.toUpperCase() as "GET"] as (
      path: string,
      init: object,
    ) => Promise<{ response: Response; data?: { value?: unknown }; error?: unknown }>;
    const { response, data, error } = await send(path, {
      ...(body !== undefined && { body }),
      params: { path: inPath },
      ...(bearing !== undefined && { headers: bearing }),
      ...(parseAs !== undefined && { parseAs }),
    });
    if (parseAs === "stream") await response.body?.cancel();
    const said = operation.responses[`${response.status}`] ?? operation.responses.default;
    expect(said, `${operationId} answers ${response.status}`).toBeDefined();
    const schema = said?.content?.["application/json"]?.schema;
    if (schema !== undefined) expect(wrong(schema, data)).toEqual([]);
    const problem = said?.content?.["application/problem+json"]?.schema;
    if (problem !== undefined) expect(wrong(resolved(problem), error)).toEqual([]);
    return { status: response.status, data, error };
  };
  return { worker, document, operations, call };
}

/** What else of a request is not in the body. */
interface How {
  readonly path?: Readonly<Record<string, string>>;
  readonly bearing?: Readonly<Record<string, string>>;
  readonly parseAs?: "text" | "stream";
  /** Default 200. */
  readonly status?: number;
}

const member = { service: "prices", member: "a" };
const forwarded: How = { path: { upstream: "stock", path: "a" }, parseAs: "text" };
const emptyBatch = { version: 1, source: { id: "n", kind: "node" }, sentAt: 0, events: [] };

/** The arguments with which each command is tried, in this order. */
const tried: readonly (readonly [string, (object | undefined)?, How?])[] = [
  ["health", {}],
  ["policy.list", {}],
  ["policy.get", { name: "prices" }],
  ["policy.set", { name: "prices", version: 0, text: "retry(2)", dryRun: true }],
  ["policy.set", { name: "prices", version: 0, text: "retry(2) + circuitBreaker" }],
  ["policy.update", { name: "prices", changes: { "retry.attempts": 3, "retry.jitter": null }, dryRun: true }],
  ["policy.history", { name: "prices" }],
  ["policy.diff", { name: "prices", from: 0, to: 1 }],
  ["policy.rollback", { name: "prices", version: 1, to: 0 }],
  ["parameter.list", {}],
  ["parameter.read", { path: "prices/retry.attempts" }],
  ["parameter.write", { path: "prices/retry.attempts", value: 3, expiresIn: "1h" }],
  ["circuit.open", { circuit: "prices", reason: "the provider is down" }],
  ["circuit.isolate", { circuit: "prices" }],
  ["circuit.close", { circuit: "prices" }],
  ["circuit.reset", { circuit: "prices" }],
  ["limiter.reset", { limiter: "quotes" }],
  ["weight.get", { upstream: "stock" }],
  ["weight.set", { upstream: "stock", weights: { "member-1": 5 }, expiresIn: "1h" }],
  ["upstream.get", { upstream: "stock" }],
  ["upstream.set", { upstream: "stock", settings: { trace: true, group: { slowStart: "1s" } } }],
  ["state", {}],
  ["control.snapshot", {}],
  ["control.restore", { format: 1, documents: [] }],
  ["audit.verify", {}],
  ["audit.export", { limit: 5 }],
  ["command", { id: "1", name: "policy.list" }],
  ["policies"],
  ["parameters"],
  ["audit"],
  ["observed"],
  ["whoami"],
  ["live", undefined, { bearing: { accept: "text/event-stream" }, parseAs: "stream" }],
  ["metrics", undefined, { parseAs: "text" }],
  ["ingest", emptyBatch, { bearing: { authorization: `Bearer ${ingestKey}` }, status: 202 }],
  ["share", report(), { path: { name: "prices" } }],
  ["register", { url: "https://a.test", ttl: "30s" }, { path: member }],
  ["discover", undefined, { path: member }],
  ["leave", undefined, { path: member, status: 204 }],
  ["forward get", undefined, forwarded],
  ["forward put", {}, forwarded],
  ["forward post", {}, forwarded],
  ["forward patch", {}, forwarded],
  ["forward delete", undefined, forwarded],
  ["healthz"],
  ["openapi"],
];

describe("the API by its OpenAPI document", () => {
  it("does every operation that the document has, and answers as it says", async () => {
    const { document, operations, call } = await generated();
    expect(document.openapi).toBe("3.1.0");
    for (const [id, body, how = {}] of tried)
      expect([id, (await call(id, body, how)).status]).toEqual([id, how.status ?? 200]);
    const known = operations.map(({ operation }) => operation.operationId).sort();
    expect([...new Set(tried.map(([id]) => id))].sort()).toEqual(known);
  });

  it("does what it is told to: the client changes a policy, and the gateway goes by it", async () => {
    const { worker, call } = await generated();
    await call("circuit.open", { circuit: "prices" });
    expect((await worker.fetch("/gateway/prices/")).status).toBe(503);
    expect((await call("audit.verify", {})).data).toMatchObject({ value: { intact: true } });
  });

  it("refuses arguments that its schemas do not have, with a problem that the document has too", async () => {
    const { call } = await generated();
    for (const id of ["policy.get", "circuit.open", "parameter.write", "policy.diff"]) {
      const { status, error } = await call(id, { nonsense: 1 });
      expect([id, status]).toEqual([id, 422]);
      expect(error).toMatchObject({ type: "urn:ninelives:problem:invalid-arguments" });
    }
    expect((await call("policy.set", { name: "prices", version: 9, text: "retry(2)" })).status).toBe(409);
  });

  it("denies what the token may not", async () => {
    const reader = await generated(tokens.viewer);
    expect((await reader.call("state", {})).status).toBe(200);
    expect((await reader.call("circuit.open", { circuit: "prices" })).status).toBe(403);
    expect((await (await generated("wrong")).call("circuit.open", { circuit: "prices" })).status).toBe(401);
  });

  it("takes a command's id from Idempotency-Key, and does it once", async () => {
    const { worker } = await generated();
    const set = (text: string) =>
      worker.as("admin", "/v1/commands/policy.set", {
        method: "POST",
        headers: { "idempotency-key": "same" },
        body: JSON.stringify({ name: "prices", version: 0, text }),
      });
    const first = await (await set("retry(2)")).json();
    expect(await (await set("retry(2)")).json()).toEqual(first);
    expect(first).toMatchObject({ id: "same", value: { version: 1 } });
    const bad = await worker.as("admin", "/v1/commands/policy.set", { method: "POST", body: "{" });
    expect((await problemIn(bad)).type).toBe("urn:ninelives:problem:bad-json");
  });

  it("is a page to read, too", async () => {
    const { worker, operations } = await generated();
    const page = await (await worker.fetch("/docs")).text();
    for (const { method, path, operation } of operations) {
      if (!path.startsWith("/v1/commands")) expect(page).toContain(`${method.toUpperCase()} ${path}`);
      else if (path !== "/v1/commands") expect(page).toContain(`id="${operation.operationId}"`);
    }
    expect(page).toContain("after which the change takes itself back");
  });
});
