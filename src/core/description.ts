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

/** How a policy was made, or only its name; {@link describe} makes a description of it when somebody asks. */
export type Recipe = string | Description | Joined | Chosen<"policy">;

/** Policies joined by an operator, flat. */
export interface Joined {
  readonly operator: Operator;
  readonly parts: readonly Described[];
}

/** A name with the options that were given: `policy` is that of a policy, `call` that of a value such as a back-off. */
export type Chosen<Kind extends "policy" | "call"> = { readonly [K in Kind]: string } & {
  readonly given: object;
  readonly table: Readonly<Record<string, OptionForm>>;
};

/** How the text form writes an option. */
export interface OptionForm {
  readonly check?: unknown;
  /** A number or a text is a `Duration`, though the check takes more than that; with `text`, only a text is one. */
  readonly duration?: true | "text";
  /** Of the first option: it may not stand without its name. */
  readonly named?: true;
}

/** Something that knows how it was made. */
export interface Described {
  readonly recipe: Recipe;
}

/** A value that knows how it was made, such as a back-off. */
export interface DescribedCall {
  readonly recipe: Chosen<"call"> | { readonly call: string; readonly arguments: readonly Argument[] };
}

/**
 * What a policy is made of: a tree with operators and policies, each with the arguments that it was given.
 *
 * @throws TypeError for what is no policy
 */
export function describe(policy: Described): Description {
  const { recipe } = Object(policy) as Partial<Described>;
  if (recipe === undefined) throw new TypeError(`expected a policy, but got ${typeof policy}`);
  if (typeof recipe === "string") return { policy: recipe, arguments: [] };
  if ("call" in recipe) throw new TypeError(`expected a policy, but got ${recipe.call}`);
  if ("parts" in recipe) return { operator: recipe.operator, operands: recipe.parts.map(describe) };
  return "table" in recipe ? { policy: recipe.policy, arguments: argumentsOf(recipe) } : recipe;
}

/** The arguments that were given; defaults are not repeated. */
function argumentsOf({ given, table }: Pick<Chosen<never>, "given" | "table">): Argument[] {
  const list: Argument[] = [];
  for (const [index, [name, { check, duration, named }]] of Object.entries(table).entries()) {
    const found = (given as Record<string, unknown>)[name];
    // An adaptive value of undefined is as good as none.
    const value = isAdaptive(found) ? found.get() : found;
    if (value === undefined) continue;
    const isDuration = duration === "text" ? typeof value === "string" : (duration ?? check === milliseconds);
    const described = describeValue(value, isDuration);
    list.push(index === 0 && named === undefined ? { value: described } : { name, value: described });
  }
  return list;
}

/** A value as it stands in a description; an adaptive one as it is now. */
export function describeValue(value: unknown, isDuration: boolean): DescribedValue {
  if (isAdaptive(value)) return describeValue(value.get(), isDuration);
  if (isDuration && (typeof value === "number" || typeof value === "string")) {
    return { duration: milliseconds(value as Duration, "duration") };
  }
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "string") return value;
  if (!hasRecipe(value)) return { opaque: value };
  const { recipe } = value;
  return "table" in recipe ? { call: recipe.call, arguments: argumentsOf(recipe) } : recipe;
}

function hasRecipe(value: unknown): value is DescribedCall {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  const { recipe } = value as Partial<DescribedCall>;
  return typeof recipe === "object" && "call" in recipe;
}
