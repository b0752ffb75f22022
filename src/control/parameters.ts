import type { Argument, Description, PolicyDescription } from "../core/description.ts";
import { describe } from "../core/description.ts";
import { formatDescription } from "../expression/format.ts";
import { parse } from "../expression/parse.ts";
import { CommandError } from "./command-error.ts";

/** One value in a policy's text, by the path at which it is read and written. */
export interface Parameter {
  /** Such as `retry.attempts`; of the second retry from the left, `retry#2.attempts`. */
  readonly path: string;
  /** As the text has it: `3`, `250ms`, `exponential(100ms)`. */
  readonly value: string;
}

/** What a text or tree has that another has not. */
export interface Difference {
  /** A parameter's path, or `structure` for which policies there are, and how they are nested. */
  readonly path: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** What the first option of each policy is called that may stand without its name. */
const firstOptions: Readonly<Record<string, string>> = {
  adaptiveLimit: "algorithm",
  bulkhead: "limit",
  cache: "key",
  chaos: "rate",
  coalesce: "key",
  hedge: "after",
  rateLimit: "limit",
  retry: "attempts",
  throttle: "k",
  timeout: "after",
};

/** The values of a policy, in the order in which they are written. Defaults are not among them. */
export function parameters(description: Description): Parameter[] {
  return visited(description).flatMap(({ path, policy }) =>
    policy.arguments.map((argument, index) => ({
      path: `${path}.${labelOf(policy, argument, index)}`,
      value: printed(argument),
    })),
  );
}

/**
 * The text with another value at a path, which need not have been given before.
 *
 * @param value as the text would have it; a number or a boolean may be one
 * @throws CommandError of the kind `not-found` for a policy that is not there; ExpressionError for a value that will not do
 */
export function withParameter(text: string, path: string, value: string | number | boolean): string {
  const description = describe(parse(text));
  const dot = path.indexOf(".");
  const found = visited(description).find((each) => each.path === path.slice(0, Math.max(dot, 0)));
  const label = path.slice(dot + 1);
  if (found === undefined || !/^[A-Za-z]\w*$/.test(label)) {
    const paths = visited(description).map((each) => `${each.path}.<option>`);
    throw new CommandError(
      "not-found",
      `there is no parameter ${path.slice(0, 100)}; there are ${paths.join(", ")}`,
    );
  }
  const { policy } = found;
  const argument = argumentOf(policy.policy, label, value);
  const at = policy.arguments.findIndex((each, index) => labelOf(policy, each, index) === label);
  const list =
    at >= 0
      ? policy.arguments.with(at, argument)
      : argument.name === undefined
        ? [argument, ...policy.arguments]
        : [...policy.arguments, argument];
  return formatDescription(replaced(description, policy, { ...policy, arguments: list }));
}

/** What changes from one policy to another, by path. */
export function differences(before: Description, after: Description): Difference[] {
  const found: Difference[] = [];
  const [was, is] = [skeleton(before), skeleton(after)].map(formatDescription) as [string, string];
  if (was !== is) found.push({ path: "structure", before: was, after: is });
  const [old, now] = [before, after].map(
    (each) => new Map(parameters(each).map(({ path, value }) => [path, value])),
  ) as [Map<string, string>, Map<string, string>];
  for (const path of new Set([...old.keys(), ...now.keys()])) {
    const [one, other] = [old.get(path) ?? null, now.get(path) ?? null];
    if (one !== other) found.push({ path, before: one, after: other });
  }
  return found;
}

/** The policies of a tree from left to right, each with its path. */
function visited(description: Description): { path: string; policy: PolicyDescription }[] {
  const seen = new Map<string, number>();
  return flat(description).map((policy) => {
    const number = (seen.get(policy.policy) ?? 0) + 1;
    seen.set(policy.policy, number);
    return { path: number === 1 ? policy.policy : `${policy.policy}#${number}`, policy };
  });
}

function flat(description: Description): PolicyDescription[] {
  return "operator" in description ? description.operands.flatMap(flat) : [description];
}

function replaced(description: Description, old: PolicyDescription, by: PolicyDescription): Description {
  if (description === old) return by;
  if (!("operator" in description)) return description;
  return { ...description, operands: description.operands.map((each) => replaced(each, old, by)) };
}

function skeleton(description: Description): Description {
  return "operator" in description
    ? { ...description, operands: description.operands.map(skeleton) }
    : { ...description, arguments: [] };
}

function labelOf({ policy }: PolicyDescription, { name }: Argument, index: number): string {
  if (name !== undefined) return name;
  return (
    (index === 0 && Object.hasOwn(firstOptions, policy) ? firstOptions[policy] : undefined) ?? `${index + 1}`
  );
}

function printed(argument: Argument): string {
  const { value } = argument;
  return formatDescription({ policy: "_", arguments: [{ value }] }).slice("_(".length, -1);
}

/** Reads a value by the parser, as the one argument of its policy. */
function argumentOf(policy: string, label: string, value: string | number | boolean): Argument {
  const made = describe(parse(`${policy}(${label}: ${value})`));
  const [argument, ...more] = "operator" in made ? [] : made.arguments;
  if (argument === undefined || more.length > 0) {
    throw new CommandError(
      "invalid-arguments",
      `value must be one value, but is ${JSON.stringify(value).slice(0, 100)}`,
    );
  }
  return argument;
}
