import { isAdaptive } from "./adaptive.ts";
import { type Duration, milliseconds } from "./duration.ts";

/** What a policy is made of: a tree that tools show, that `format` prints as text and that text parses to. */
export type Description = PolicyDescription | OperatorDescription;

/** One policy with the arguments that its author gave; defaults are not repeated. */
export interface PolicyDescription {
  readonly policy: string;
  readonly arguments: readonly Argument[];
}

/** Policies joined by an operator, flat: `a + b + c` has three operands. */
export interface OperatorDescription {
  readonly operator: Operator;
  readonly operands: readonly Description[];
}

export type Operator = "+" | "|" | "&";

/** An argument without a name is the policy's first. */
export interface Argument {
  readonly name?: string;
  readonly value: DescribedValue;
}

export type DescribedValue =
  | number
  | boolean
  | string
  /** A length of time in milliseconds. */
  | { readonly duration: number }
  /** A function of the text form, such as `exponential(100ms)`. */
  | { readonly call: string; readonly arguments: readonly Argument[] }
  /** A value that came by its name from the scope of a text. */
  | { readonly reference: string }
  /** A value that has no text: a function, an object. */
  | { readonly opaque: unknown };

/** The description of two or more policies joined by one operator. */
export function joined(operator: Operator, parts: readonly Description[]): Description {
  const operands = parts.flatMap((part) =>
    "operator" in part && part.operator === operator ? part.operands : [part],
  );
  return { operator, operands };
}

/** Collects the arguments of a policy that were given. */
export function given(...list: (Argument | undefined)[]): Argument[] {
  return list.filter((argument) => argument !== undefined);
}

/** An argument as it stands in a description, or nothing when it was not given; without a name it is the first. */
export function argument(value: unknown, name?: string, isDuration = false): Argument | undefined {
  if (value === undefined) return undefined;
  const described = describeValue(value, isDuration);
  return name === undefined ? { value: described } : { name, value: described };
}

/** Like `argument`, for a value that is a `Duration` unless it is adaptive or computed. */
export function durationArgument(value: unknown, name?: string): Argument | undefined {
  return argument(value, name, true);
}

/** A value as it stands in a description; an adaptive one as it is now. */
export function describeValue(value: unknown, isDuration = false): DescribedValue {
  if (isAdaptive(value)) return describeValue(value.get(), isDuration);
  if (isDuration && (typeof value === "number" || typeof value === "string")) {
    return { duration: milliseconds(value as Duration, "duration") };
  }
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "string") return value;
  return hasDescription(value) ? value.description : { opaque: value };
}

/** A value that knows its text, such as a back-off. */
export interface DescribedCall {
  readonly description: { readonly call: string; readonly arguments: readonly Argument[] };
}

function hasDescription(value: unknown): value is DescribedCall {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  const { description } = value as Partial<DescribedCall>;
  return typeof description === "object" && "call" in description;
}
