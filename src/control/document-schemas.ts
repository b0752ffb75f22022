import type { JsonSchema } from "./schema.ts";

const documentProperties: JsonSchema = {
  name: { type: "string" },
  text: { type: "string" },
  version: { type: "integer", minimum: 0 },
  updatedAt: { type: ["integer", "null"], description: "milliseconds since 1970" },
  updatedBy: { type: ["string", "null"] },
  until: { type: "integer", description: "when this override takes itself back" },
  beneath: {
    type: "object",
    required: ["version", "text"],
    properties: { version: { type: "integer" }, text: { type: "string" } },
    description: "what comes back then",
  },
  tree: { type: "object" },
};

/** A policy document, as commands answer with it. */
export const documentSchema: JsonSchema = {
  type: "object",
  required: ["name", "text", "version", "updatedAt", "updatedBy"],
  properties: documentProperties,
};

/** The versions of a document. */
export const historySchema: JsonSchema = { type: "array", items: documentSchema };

/** A value of a policy, and what it may be. */
export const parameterSchema: JsonSchema = {
  type: "object",
  required: ["path", "value", "given", "default", "kind", "version"],
  properties: {
    path: { type: "string" },
    value: { type: ["string", "null"], description: "as a text has it; null where nothing is set" },
    given: { type: "boolean", description: "whether the document says it; else the default holds" },
    default: { type: ["string", "null"] },
    kind: { enum: ["whole", "number", "duration", "flag", "window", "choice", "expression"] },
    unit: { type: "string" },
    minimum: { type: "number", description: "of a duration, in milliseconds" },
    maximum: { type: "number" },
    exclusiveMinimum: { const: true, description: "it must be more than the minimum" },
    choices: { type: "array", items: { type: "string" } },
    version: { type: "integer", minimum: 0 },
  },
};

/** What changes, by path. */
export const differencesSchema: JsonSchema = {
  type: "array",
  items: {
    type: "object",
    required: ["path", "before", "after"],
    properties: {
      path: { type: "string" },
      before: { type: ["string", "null"] },
      after: { type: ["string", "null"] },
    },
  },
};

const endsSchema: JsonSchema = {
  type: "object",
  required: ["version", "until"],
  properties: { version: { type: "integer" }, until: { type: "integer" } },
  description: "the override that this ends before its time",
};

/** What a change came to, or what it would. */
export const outcomeSchema: JsonSchema = {
  oneOf: [
    { ...documentSchema, properties: { ...documentProperties, ends: endsSchema } },
    {
      type: "object",
      required: ["dryRun", "name", "text", "applies", "version", "changes", "errors"],
      properties: {
        dryRun: { const: true },
        name: { type: "string" },
        text: { type: "string" },
        applies: { type: "boolean" },
        version: { type: "integer" },
        changes: differencesSchema,
        ends: endsSchema,
        until: { type: "integer", description: "until when the override holds on in which this is made" },
        beneath: { type: "string", description: "what it then gives way to" },
        errors: { type: "array", items: { type: "object", required: ["message"] } },
      },
    },
  ],
};
