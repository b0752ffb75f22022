import type { Argument, DescribedValue, Description, PolicyDescription } from "../core/description.ts";
import { describe } from "../core/description.ts";
import { identity } from "../core/policy.ts";
import { formatDescription } from "../expression/format.ts";
import { parse, parseBy } from "../expression/parse.ts";
import { CommandError } from "./command-error.ts";
import { boundsOf } from "./parameter-bounds.ts";
import { firstOption, tableOf } from "./tunables.ts";

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

/** The values of a policy, in the order in which they are written. Defaults are not among them. */
export function parameters(description: Description): Parameter[] {
  return visited(description).flatMap(({ path, policy }) =>
    policy.arguments.map((argument, index) => ({
      path: `${path}.${labelOf(policy.policy, argument, index)}`,
      value: printed(argument),
    })),
  );
}

/** New values by path, such as `{ "retry.attempts": 5 }`; `null` takes one out, so that its default holds. */
export type ParameterChanges = Readonly<Record<string, string | number | boolean | null>>;

/**
 * The text with another value at a path, which need not have been given before.
 *
 * @param value as the text would have it; a number or a boolean may be one
 * @throws CommandError of the kind `not-found` for a policy that is not there; ExpressionError for a value that will not do
 */
export function withParameter(text: string, path: string, value: string | number | boolean): string {
  return withParameters(text, { [path]: value });
}

/** The same for several values, which only have to do together. */
export function withParameters(text: string, changes: ParameterChanges): string {
  let description = describe(parse(text));
  for (const [path, value] of Object.entries(changes)) description = withChange(description, path, value);
  const written = formatDescription(description);
  parse(written);
  return written;
}

function withChange(description: Description, path: string, value: Given | null): Description {
  const dot = path.indexOf(".");
  const found = visited(description).find((each) => each.path === path.slice(0, Math.max(dot, 0)));
  const label = path.slice(dot + 1);
  const [option = "", inside, ...deeper] = label.split(".");
  const names = inside === undefined ? [option] : [option, inside];
  if (found === undefined || deeper.length > 0 || !names.every((each) => /^[A-Za-z]\w*$/.test(each))) {
    const paths = visited(description).map((each) => `${each.path}.<option>`);
    throw new CommandError(
      "not-found",
      `there is no parameter ${path.slice(0, 100)}; there are ${paths.join(", ")}`,
    );
  }
  const { policy } = found;
  const list =
    inside === undefined ? withOption(policy, option, value) : withInner(policy, option, inside, value);
  return replaced(description, policy, { ...policy, arguments: list });
}

type Given = string | number | boolean;

/** The arguments of a policy, or of a value, with another one among them. */
function withOption(
  { policy: name, arguments: list }: PolicyDescription,
  option: string,
  value: Given | null,
): Argument[] {
  const at = list.findIndex((each, index) => labelOf(name, each, index) === option);
  if (value === null) return without(name, list, option, at);
  const read = argumentOf(name, option, value);
  // As `describe` has it, so that who changes it there and back gets the same text.
  const argument = option === firstOption(name) ? { value: read } : { name: option, value: read };
  if (at >= 0) return list.with(at, argument);
  return "name" in argument ? [...list, argument] : [argument, ...list];
}

function without(name: string, list: readonly Argument[], option: string, at: number): Argument[] {
  const table = tableOf(name) ?? {};
  if (at < 0 && !Object.hasOwn(table, option)) {
    const has = Object.keys(table).join(", ") || "none";
    throw new CommandError("not-found", `${name} has no ${option}; it has ${has}`);
  }
  return list.filter((_, index) => index !== at);
}

/** The same for what is given to a value that stands there, such as a back-off. */
function withInner(
  policy: PolicyDescription,
  option: string,
  inside: string,
  value: Given | null,
): Argument[] {
  const at = policy.arguments.findIndex((each, index) => labelOf(policy.policy, each, index) === option);
  const argument = policy.arguments[at];
  const outer = argument?.value;
  if (argument === undefined || typeof outer !== "object" || !("call" in outer)) {
    const what = `${policy.policy}.${option} is given no value that has a ${inside}`;
    throw new CommandError("not-found", `${what}: write it as a whole`);
  }
  const table = tableOf(outer.call);
  if (table !== undefined && !Object.hasOwn(table, inside)) {
    const has = Object.keys(table).join(", ");
    throw new CommandError("not-found", `${outer.call} has no ${inside}; it has ${has}`);
  }
  const list = withOption({ policy: outer.call, arguments: outer.arguments }, inside, value);
  return policy.arguments.with(at, { ...argument, value: { call: outer.call, arguments: list } });
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
export function visited(description: Description): { path: string; policy: PolicyDescription }[] {
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

/** What an argument is called, or its number where it has no name. */
export function labelOf(policy: string, { name }: Argument, index: number): string {
  return name ?? (index === 0 ? firstOption(policy) : undefined) ?? `${index + 1}`;
}

/** A value as a text has it. */
export function printed(argument: Argument): string {
  const { value } = argument;
  return formatDescription({ policy: "_", arguments: [{ value }] }).slice("_(".length, -1);
}

/** Reads a value by the parser, as the one argument of its policy, which is not made: it may need others beside it. */
function argumentOf(policy: string, option: string, value: Given): DescribedValue {
  const bare = typeof value === "string" && boundsOf(policy, option).choices?.includes(value);
  const text = `_(_: ${bare ? JSON.stringify(value) : value})`;
  const made = describe(
    parseBy(text, { _: () => identity }, (name, make, args) =>
      name === "_" ? identity : make(...(args as never[])),
    ),
  );
  const [argument, ...more] = "operator" in made ? [] : made.arguments;
  if (argument === undefined || more.length > 0) {
    throw new CommandError(
      "invalid-arguments",
      `value must be one value, but is ${JSON.stringify(value).slice(0, 100)}`,
    );
  }
  const { value: read } = argument;
  const isDuration = boundsOf(policy, option).kind === "duration";
  return isDuration && typeof read === "number" ? { duration: read } : read;
}
