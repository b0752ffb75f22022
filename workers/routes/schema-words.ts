import type { JsonSchema } from "ninelives/control";

/** A field of an object, or of each object in a list. */
export interface SchemaField {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly isRequired: boolean;
}

/** Numbers above it bound nothing that anybody sends. */
const boundless = 2 ** 50;

/** What a value must be, for people: `a whole number from 1 to 9`. */
export function schemaWords(schema: JsonSchema): string {
  const { type, minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = schema;
  const choices = alternatives(schema);
  if (choices !== undefined) return listed(choices);
  if (type === "string") return "a text";
  if (type === "boolean") return "true or false";
  if (type === "null") return "null";
  if (type === "number") return "a number";
  if (type === "integer") return wholeNumber(minimum as number, maximum as number);
  if (type === "array") return list(schema);
  if (type === "object") return object(schema);
  return "any value";
}

/** The fields that a value may have, those of a list's objects and of a list of such lists too. */
export function schemaFields(schema: JsonSchema): readonly SchemaField[] {
  const { items, properties, required } = schema;
  if (isSchema(items)) return schemaFields(items);
  if (!isSchema(properties) || isBare(properties)) return [];
  return Object.entries(properties).map(([name, each]) => ({
    name,
    schema: each as JsonSchema,
    isRequired: Array.isArray(required) && required.includes(name),
  }));
}

/** What is said of a value, or of each in a list. */
export function schemaDescription({ description, items }: JsonSchema): string | undefined {
  if (typeof description === "string" && description !== "") return description;
  return isSchema(items) ? schemaDescription(items) : undefined;
}

function alternatives(schema: JsonSchema): readonly string[] | undefined {
  if ("const" in schema) return [JSON.stringify(schema.const)];
  const { enum: values, oneOf, type } = schema;
  if (Array.isArray(values)) return values.map((each) => JSON.stringify(each));
  if (Array.isArray(oneOf))
    return oneOf.flatMap((each) => alternatives(each) ?? schemaDescription(each) ?? schemaWords(each));
  if (Array.isArray(type)) return type.map((each) => schemaWords({ ...schema, type: each }));
  return undefined;
}

function wholeNumber(least: number, most: number): string {
  if (least === most) return `${least}`;
  if (most < boundless) return `a whole number from ${least} to ${most}`;
  return least > 0 ? `a whole number of at least ${least}` : "a whole number";
}

function list({ items, maxItems }: JsonSchema): string {
  const most = maxItems === undefined ? "a list" : `a list of at most ${maxItems}`;
  return isSchema(items) ? `${most}, each ${schemaWords(items)}` : most;
}

function object({ properties, additionalProperties: others }: JsonSchema): string {
  if (isSchema(properties) && isBare(properties))
    return `an object with any of ${Object.keys(properties).join(", ")}`;
  return isSchema(others) ? `an object by names, each ${schemaWords(others)}` : "an object";
}

/** Whether nothing is known of the fields but their names. */
function isBare(properties: JsonSchema): boolean {
  const all = Object.values(properties);
  return all.length > 0 && all.every((each) => isSchema(each) && Object.keys(each).length === 0);
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")}, or ${words.at(-1)}`;
}
