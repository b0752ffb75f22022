import { CommandError } from "./command-error.ts";
import type { Difference, ParameterChanges } from "./parameters.ts";

/** What changes from one text of a JSON object to another, by the paths of its values; a list is one value. */
export function jsonDifferences(before: string, after: string): Difference[] {
  const [old, now] = [before, after].map((text) => new Map(leaves(JSON.parse(text), ""))) as [
    Map<string, string>,
    Map<string, string>,
  ];
  return [...new Set([...old.keys(), ...now.keys()])]
    .map((path) => ({ path, before: old.get(path) ?? null, after: now.get(path) ?? null }))
    .filter((each) => each.before !== each.after);
}

/**
 * The text of a JSON object with other values at some paths; `null` takes one out.
 *
 * @throws CommandError `invalid-arguments` for what is no path
 */
export function withJsonValues(text: string, changes: ParameterChanges): string {
  let object = JSON.parse(text) as object;
  for (const [path, value] of Object.entries(changes)) {
    if (!/^[\w-]+(?:\.[\w-]+)*$/.test(path))
      throw new CommandError("invalid-arguments", `there is no path ${JSON.stringify(path.slice(0, 100))}`);
    object = withValue(object, path.split("."), value);
  }
  return JSON.stringify(object);
}

function withValue(object: object, [key = "", ...rest]: readonly string[], value: unknown): object {
  const fields = new Map<string, unknown>(Object.entries(object));
  const inner = fields.get(key);
  const next = rest.length === 0 ? value : withValue(isObject(inner) ? inner : {}, rest, value);
  const isEmpty = next === null || (rest.length > 0 && Object.keys(next as object).length === 0);
  if (isEmpty) fields.delete(key);
  else fields.set(key, next);
  return Object.fromEntries(fields);
}

function* leaves(value: unknown, path: string): Generator<[string, string]> {
  if (!isObject(value)) return void (yield [path, JSON.stringify(value)]);
  for (const [key, each] of Object.entries(value)) yield* leaves(each, path === "" ? key : `${path}.${key}`);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
