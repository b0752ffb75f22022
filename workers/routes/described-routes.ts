import { type DescribedRoute, documentSchema, type JsonSchema, parameterSchema } from "ninelives/control";
import { batchVersion, largestBatch } from "ninelives/telemetry";
import { memberBody } from "./registry.ts";

const json = (description: string, schema: JsonSchema) => ({
  description,
  content: { "application/json": { schema } },
});

const entrySchema: JsonSchema = {
  type: "object",
  required: ["seq", "at", "command", "id", "identity", "args", "outcome", "reason", "hash"],
  properties: {
    seq: { type: "integer" },
    at: { type: "integer", description: "milliseconds since 1970" },
    command: { type: "string" },
    id: { type: "string" },
    identity: { type: "string" },
    args: { type: "string" },
    outcome: { enum: ["requested", "done", "denied", "failed"] },
    reason: { type: ["string", "null"] },
    hash: { type: "string" },
  },
};

/** A list that clients follow: who has it already asks for what has changed. */
const followable = (name: string, summary: string, items: JsonSchema): DescribedRoute => ({
  method: "get",
  path: `/v1/${name}`,
  operationId: name,
  summary,
  parameters: [{ name: "If-None-Match", in: "header", required: false, schema: { type: "string" } }],
  responses: {
    "200": json(`the ${name}`, {
      type: "object",
      required: [name],
      properties: { [name]: { type: "array", items } },
    }),
    "304": { description: "nothing has changed" },
  },
});

const problem = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
});

const inPath = (name: string): JsonSchema => ({
  name,
  in: "path",
  required: true,
  schema: { type: "string" },
});

/** The routes beside those of the commands, for the OpenAPI document and `/docs`. */
export const describedRoutes: readonly DescribedRoute[] = [
  followable("policies", "The policies in force. Who follows them sends If-None-Match.", documentSchema),
  followable(
    "parameters",
    "All that may be set in the policies in force, with bounds and defaults.",
    parameterSchema,
  ),
  {
    method: "get",
    path: "/v1/audit",
    operationId: "audit",
    summary: "The newest entries of the audit log, newest first.",
    responses: {
      "200": json("the entries, and whether their chain holds", {
        type: "object",
        required: ["entries", "intact"],
        properties: { entries: { type: "array", items: entrySchema }, intact: { type: "boolean" } },
      }),
    },
  },
  {
    method: "get",
    path: "/v1/state",
    operationId: "observed",
    summary: "What the observer sees.",
    responses: { "200": json("the state of all policies", { type: "object", required: ["policies"] }) },
  },
  {
    method: "get",
    path: "/v1/whoami",
    operationId: "whoami",
    summary: "Whose token it is, what it may, and which version answers.",
    responses: {
      "200": json("the token's owner", {
        type: "object",
        required: ["name", "scopes", "version", "api"],
        properties: {
          name: { type: "string" },
          scopes: { type: "array", items: { type: "string" } },
          policies: { type: "array", items: { type: "string" } },
          version: { type: "string" },
          api: { type: "string" },
        },
      }),
    },
  },
  {
    method: "get",
    path: "/v1/live",
    operationId: "live",
    summary:
      "What the observer sees as it goes: a WebSocket, or with Accept: text/event-stream a stream of server-sent events.",
    responses: {
      "101": { description: "a WebSocket" },
      "200": { description: "a stream", content: { "text/event-stream": { schema: { type: "string" } } } },
      "426": problem("upgrade-required"),
    },
  },
  {
    method: "get",
    path: "/metrics",
    operationId: "metrics",
    summary: "Counters for Prometheus.",
    responses: {
      "200": { description: "Prometheus' text", content: { "text/plain": { schema: { type: "string" } } } },
    },
  },
  {
    method: "post",
    path: "/v1/events",
    operationId: "ingest",
    summary: "Takes a batch of events, with an ingest key in the place of a token.",
    requestBody: {
      required: true,
      content: {
        "application/json": {
          schema: {
            type: "object",
            required: ["version", "source", "sentAt", "events"],
            properties: {
              version: { const: batchVersion },
              source: {
                type: "object",
                required: ["id", "kind"],
                properties: { id: { type: "string" }, kind: { enum: ["page", "worker", "node"] } },
              },
              sentAt: { type: "number", description: "the sender's clock, in milliseconds since 1970" },
              dropped: { type: "integer", minimum: 0 },
              events: { type: "array", maxItems: largestBatch, items: { type: "object" } },
            },
          },
        },
      },
    },
    responses: {
      "202": json("what was taken, and what not", {
        type: "object",
        required: ["accepted", "rejected"],
        properties: {
          accepted: { type: "integer" },
          rejected: { type: "array", items: { type: "object", required: ["index", "reason"] } },
        },
      }),
      "401": problem("unauthenticated"),
      "422": problem("unknown-version"),
      "429": problem("rate-limited: Retry-After says when to come back"),
    },
  },
  {
    method: "post",
    path: "/v1/shared/{name}",
    operationId: "share",
    summary:
      "Takes a replica's report on a circuit or a limit, with a token of the scope share.<name>; GET is a WebSocket.",
    parameters: [inPath("name")],
    requestBody: {
      required: true,
      content: {
        "application/json": {
          schema: {
            type: "object",
            required: ["replica", "seq", "epoch"],
            properties: {
              kind: { enum: ["circuit", "limiter", "lease"] },
              replica: { type: "string" },
              seq: { type: "integer", minimum: 1 },
              epoch: { type: "integer", minimum: 0 },
            },
          },
        },
      },
    },
    responses: {
      "200": json("what the fleet goes by", { type: "object", required: ["epoch"] }),
      "403": problem("forbidden"),
      "422": problem("bad-report"),
      "429": problem("rate-limited"),
    },
  },
  {
    method: "get",
    path: "/v1/registry/{service}",
    operationId: "discover",
    summary: "Who is registered, with a token of the scope discover.<service>.",
    parameters: [inPath("service")],
    responses: {
      "200": json("the members, and after how many milliseconds to ask again", {
        type: "object",
        required: ["members", "holds"],
        properties: {
          members: { type: "array", items: { type: "object", required: ["name", "url", "ttl"] } },
          holds: { type: "number" },
        },
      }),
      "403": problem("forbidden"),
    },
  },
  {
    method: "put",
    path: "/v1/registry/{service}/{member}",
    operationId: "register",
    summary: "Registers, or says that one is still there, with a token of the scope register.<service>.",
    parameters: [inPath("service"), inPath("member")],
    requestBody: { required: true, content: { "application/json": { schema: memberBody.json } } },
    responses: {
      "200": json("for how long", {
        type: "object",
        required: ["expiresIn"],
        properties: { expiresIn: { type: "number" } },
      }),
      "403": problem("forbidden"),
      "422": problem("invalid-arguments"),
      "507": problem("registry-full"),
    },
  },
  {
    method: "delete",
    path: "/v1/registry/{service}/{member}",
    operationId: "leave",
    summary: "Gives the place up.",
    parameters: [inPath("service"), inPath("member")],
    responses: { "204": { description: "it is given up" }, "403": problem("forbidden") },
  },
  ...(["get", "put", "post", "patch", "delete"] as const).map(
    (method): DescribedRoute => ({
      method,
      path: "/gateway/{upstream}/{path}",
      operationId: `forward ${method}`,
      summary: "Forwards through the upstream's policy; the path may have more parts.",
      security: [],
      parameters: [inPath("upstream"), inPath("path")],
      responses: {
        default: { description: "what the upstream answers" },
        "404": problem("unknown-upstream"),
        "502": problem("bad-gateway"),
        "503": problem("circuit-open, or another refusal"),
        "504": problem("timeout"),
      },
    }),
  ),
  {
    method: "get",
    path: "/healthz",
    operationId: "healthz",
    summary: "Whether the Worker runs and its configuration is right.",
    security: [],
    responses: {
      "200": json("it does", {
        type: "object",
        required: ["status", "upstreams"],
        properties: { status: { const: "ok" }, upstreams: { type: "integer" } },
      }),
    },
  },
  {
    method: "get",
    path: "/v1/openapi.json",
    operationId: "openapi",
    summary: "This document.",
    security: [],
    responses: { "200": json("OpenAPI 3.1", { type: "object", required: ["openapi", "paths"] }) },
  },
];
