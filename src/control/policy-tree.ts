import type { Argument, DescribedValue, Description, Operator } from "../core/description.ts";
import { formatDescription } from "../expression/format.ts";
import { refuse } from "./schema.ts";

/** Policies and values within each other that a tree may have. */
const deepest = 64;
const operators: readonly string[] = ["+", "|", "&"] satisfies Operator[];

/**
 * The text of a policy's tree, as `describe` gives it and JSON carries it.
 *
 * Whether its names and values mean anything is for `parse` to say.
 *
 * @throws CommandError of the kind `invalid-arguments` that names the path within the tree
 */
export function treeText(input: unknown, path = "tree"): string {
  return formatDescription(readTree(input, path, 0));
}

function readTree(input: unknown, path: string, depth: number): Description {
  const { policy, operator, operands, arguments: given, ...others } = record(input, path, depth);
  noMore(others, path);
  if (operator === undefined) {
    if (operands !== undefined) refuse(`${path}.operator`, "one of + | &", operator);
    return {
      policy: name(policy, `${path}.policy`),
      arguments: readArguments(given, `${path}.arguments`, depth),
    };
  }
  if (typeof operator !== "string" || !operators.includes(operator)) {
    refuse(`${path}.operator`, "one of + | &", operator);
  }
  if (policy !== undefined || given !== undefined) refuse(path, "either a policy or an operator", input);
  if (!Array.isArray(operands) || operands.length < 2) {
    return refuse(`${path}.operands`, "a list of at least two", operands);
  }
  return {
    operator: operator as Operator,
    operands: operands.map((each, index) => readTree(each, `${path}.operands[${index}]`, depth + 1)),
  };
}

function readArguments(input: unknown, path: string, depth: number): Argument[] {
  if (!Array.isArray(input)) return refuse(path, "a list", input);
  return input.map((each: unknown, index) => {
    const at = `${path}[${index}]`;
    const { name: label, value, ...others } = record(each, at, depth);
    noMore(others, at);
    const read = readValue(value, `${at}.value`, depth + 1);
    return label === undefined ? { value: read } : { name: name(label, `${at}.name`), value: read };
  });
}

function readValue(input: unknown, path: string, depth: number): DescribedValue {
  if (typeof input === "boolean" || typeof input === "string") return input;
  if (typeof input === "number")
    return Number.isFinite(input) ? input : refuse(path, "a finite number", input);
  const { duration, reference, call, arguments: given, ...others } = record(input, path, depth);
  noMore(others, path);
  if (duration !== undefined) {
    if (typeof duration !== "number" || !(duration >= 0) || !Number.isFinite(duration)) {
      return refuse(`${path}.duration`, "a number of milliseconds", duration);
    }
    return { duration };
  }
  if (reference !== undefined) return { reference: name(reference, `${path}.reference`) };
  return { call: name(call, `${path}.call`), arguments: readArguments(given, `${path}.arguments`, depth) };
}

function record(input: unknown, path: string, depth: number): Record<string, unknown> {
  if (depth > deepest) return refuse(path, `at most ${deepest} deep`, "deeper");
  if (typeof input === "object" && input !== null && !Array.isArray(input)) {
    return input as Record<string, unknown>;
  }
  return refuse(path, "an object", input);
}

function name(input: unknown, path: string): string {
  if (typeof input === "string" && /^[A-Za-z_]\w{0,99}$/.test(input)) return input;
  return refuse(path, "a name", input);
}

function noMore(others: object, path: string): void {
  const [other] = Object.keys(others);
  if (other !== undefined) refuse(path, `without ${JSON.stringify(other.slice(0, 100))}`, others);
}
