import {
  apiVersion,
  type DescribedRoute,
  documentSchema,
  type JsonSchema,
  openApi,
  parameterSchema,
} from "ninelives/control";
import { definitions, type OwnCommands } from "../commands.ts";
import type { Env } from "../env.ts";

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

const routes: readonly DescribedRoute[] = [
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
];

/** The OpenAPI document of this Worker. */
export function describedApi(env: Env, own?: OwnCommands): JsonSchema {
  return openApi(definitions(env, own), routes, apiVersion);
}
