import type { RegisteredCommand } from "./commands.ts";
import type { JsonSchema } from "./schema.ts";

/** A route beside those of the commands, as an OpenAPI document has it. */
export interface DescribedRoute {
  readonly method: "get" | "put" | "post" | "patch" | "delete";
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly JsonSchema[];
  readonly requestBody?: JsonSchema;
  /** Default a token; none for a route that answers to all. */
  readonly security?: readonly JsonSchema[];
  readonly responses: Readonly<Record<string, JsonSchema>>;
}

/** The errors that a command may come to, by status: their types, and when. Each is a `Problem`. */
const failures: Readonly<Record<string, readonly [types: readonly string[], when: string]>> = {
  "400": [["bad-json"], "the body is no JSON"],
  "401": [["unauthenticated"], "the token is missing or not known"],
  "403": [["forbidden"], "the token lacks the scope, or the policy is not among its own"],
  "404": [["not-found", "unknown-command"], "there is no such thing, or no such command"],
  "405": [["method-not-allowed"], "the header Allow says which are"],
  "409": [
    ["conflict"],
    "the version is past, or the change does not fit what comes back after an override, or the settings of an upstream do not fit its configuration any more, or the id is under way, or was that of another command or other arguments",
  ],
  "413": [["command-too-large"], "the body is too large"],
  "422": [["invalid-arguments"], "an argument is not what its schema says, or a text does not parse"],
  "429": [["rate-limited"], "Retry-After says when to come back"],
  "503": [["issuer-unreachable"], "nobody can tell whose JWT it is; Retry-After says when to come back"],
  "504": [["timeout"], "whether it was done is not known, so send it again with its id"],
};

const problemSchema: JsonSchema = {
  type: "object",
  required: ["type", "title", "status", "detail"],
  properties: {
    type: { type: "string", pattern: "^urn:ninelives:problem:[a-z-]+$" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
  },
};

const id: JsonSchema = {
  type: "string",
  minLength: 1,
  maxLength: 100,
  description: "chosen by the sender; what has the same id is done once and gets the same result",
};

/**
 * The OpenAPI 3.1 document of a control plane, of the same schemas that check the arguments.
 *
 * Each command has a path of its own, `/v1/commands/<name>`, beside the one for all, which takes the whole envelope.
 */
export function openApi(
  commands: readonly RegisteredCommand[],
  routes: readonly DescribedRoute[],
  version: string,
): JsonSchema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { method, path, ...operation } of routes) {
    paths[path] = { ...paths[path], [method]: { security: [{ token: [] }], ...operation } };
  }
  paths["/v1/commands"] = { post: anyCommand(commands) };
  for (const command of commands) paths[`/v1/commands/${command.name}`] = { post: oneCommand(command) };
  return {
    openapi: "3.1.0",
    info: {
      title: "Nine Lives",
      version,
      description: "Policies, circuits, audit, telemetry, and the gateway.",
    },
    paths,
    components: {
      schemas: { Problem: problemSchema },
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
  };
}

function oneCommand({ name, description, scope, input, output }: RegisteredCommand): JsonSchema {
  return {
    operationId: name,
    summary: description,
    description: `Needs the scope \`${scope}\`.`,
    security: [{ token: [] }],
    parameters: [{ name: "Idempotency-Key", in: "header", required: false, schema: id }],
    requestBody: { required: true, content: { "application/json": { schema: input } } },
    responses: responses(resultOf(name, output)),
  };
}

function anyCommand(commands: readonly RegisteredCommand[]): JsonSchema {
  const envelopes = commands.map(({ name, input }) => ({
    type: "object",
    required: "required" in input ? ["id", "name", "args"] : ["id", "name"],
    properties: { id, name: { const: name }, args: input },
  }));
  return {
    operationId: "command",
    summary: "Does a command, whose envelope names it.",
    security: [{ token: [] }],
    requestBody: { required: true, content: { "application/json": { schema: { oneOf: envelopes } } } },
    responses: responses({ oneOf: commands.map(({ name, output }) => resultOf(name, output)) }),
  };
}

function resultOf(name: string, value: JsonSchema): JsonSchema {
  return {
    type: "object",
    required: ["id", "name", "value"],
    properties: { id, name: { const: name }, value },
  };
}

function responses(schema: JsonSchema): JsonSchema {
  return {
    "200": { description: "it is done", content: { "application/json": { schema } } },
    ...Object.fromEntries(
      Object.entries(failures).map(([status, [types, when]]) => {
        const type = { enum: types.map((each) => `urn:ninelives:problem:${each}`) };
        const own = { allOf: [{ $ref: "#/components/schemas/Problem" }], properties: { type } };
        const content = { "application/problem+json": { schema: own } };
        return [status, { description: `${types.join(" or ")}: ${when}`, content }];
      }),
    ),
  };
}
