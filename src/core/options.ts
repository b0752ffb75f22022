import { type Changeable, changeable, isAdaptive, type Tunable, tunable } from "./adaptive.ts";
import { known, whole, within } from "./check.ts";
import type { Context } from "./context.ts";
import type { Chosen, OptionForm } from "./description.ts";
import { type Duration, milliseconds, refuse } from "./duration.ts";

/** Turns what a user gave into what a policy uses, or throws an error that names the option and quotes the value. */
export type Check<T, R> = (value: T, option: string) => R;

/** One row of a policy's table of options. */
export interface OptionRow<T, R> extends OptionForm {
  readonly check: Check<T, R>;
  /** What holds when the option is not given. Without it, and unless it is `required`, the option may be missing. */
  readonly initial?: NoInfer<T>;
  readonly required?: true;
  /** The value is itself a function, or decides what is built: it is read once. */
  readonly fixed?: true;
  /** It may be adaptive and no function of the context, since the value may be a function, or outlives a call. */
  readonly contextless?: true;
}

/** A row whose types only its own policy knows. */
interface Row extends OptionForm {
  // A method, so that a row of any type is one: it is only ever called with what belongs to it.
  check(value: never, option: string): unknown;
  readonly initial?: unknown;
  readonly required?: true;
  readonly fixed?: true;
  readonly contextless?: true;
}

/** The options of a policy, by name; the documentation is tested against it. */
export type Table = Readonly<Record<string, Row>>;

type ValueOf<R extends Row> =
  | ReturnType<R["check"]>
  | (R extends { readonly initial: unknown } | { readonly required: true } ? never : undefined);

/** How a policy reads its options: each by a function of the call's context. */
export type Readers<T extends Table> = {
  readonly [K in keyof T]: (context: Context) => ValueOf<T[K]>;
};

/** A policy's options, checked and readable, and how it was made. */
export interface Settings<T extends Table> {
  readonly read: Readers<T>;
  readonly recipe: Chosen<"policy">;
}

/**
 * Checks the options of a policy against its table.
 *
 * The first row is the option that may stand without its name. A plain value is checked now, an adaptive one when it is
 * set, a function's result at each call.
 *
 * @throws TypeError for an option that does not exist; what a check throws for a value that will not do
 */
export function settings<const T extends Table>(policy: string, given: object, table: T): Settings<T> {
  const names = Object.keys(table);
  known(given, policy, names);
  const read: Record<string, (context: Context) => unknown> = {};
  for (const name of names) {
    read[name] = reader(policy, given, name, table[name] as unknown as OptionRow<unknown, unknown>);
  }
  return { read: read as Readers<T>, recipe: { policy, given, table } };
}

/** What a value such as a back-off goes by: its options as they are now. */
export type Rules<T extends Table> = { readonly [K in keyof T]: ValueOf<T[K]> };

/**
 * Checks the options of a value that a policy uses, such as a back-off or a budget, as `settings` does those of a policy.
 *
 * @throws TypeError for an option that does not exist; what a check throws for a value that will not do
 */
export function rulesOf<const T extends Table>(
  call: string,
  given: object,
  table: T,
): { readonly rules: Rules<T>; readonly recipe: Chosen<"call"> } {
  const names = Object.keys(table);
  known(given, call, names);
  const rules = {};
  for (const name of names) {
    const row = { ...table[name], contextless: true } as unknown as OptionRow<unknown, unknown>;
    const get = reader(call, given, name, row) as () => unknown;
    Object.defineProperty(rules, name, { get });
  }
  return { rules: rules as Rules<T>, recipe: { call, given, table } };
}

function reader(
  policy: string,
  given: object,
  name: string,
  { check, initial, required, fixed, contextless }: OptionRow<unknown, unknown>,
): (context: Context) => unknown {
  const option = `${policy}: ${name}`;
  const value = (given as Record<string, unknown>)[name];
  const checkGiven = (now: unknown): unknown =>
    (now ?? initial) === undefined && required === undefined ? undefined : check(now ?? initial, option);
  // An adaptive value of undefined is as good as none.
  if (isAdaptive(value) && !fixed) return changeable(value as Changeable<unknown>, checkGiven, option);
  if (typeof value === "function" && !fixed && !contextless)
    return tunable(value as Tunable<unknown>, check, option);
  const checked = checkGiven(value);
  return () => checked;
}

/** A `Duration`, as milliseconds. */
export const duration: Check<Duration, number> = milliseconds;

/** True or false. */
export const flag: Check<boolean, boolean> = (value, option) => {
  if (typeof value === "boolean") return value;
  return refuse(option, "true or false", value, TypeError);
};

/** A whole number of at least `least`. */
export const count =
  (least = 1): Check<number, number> =>
  (value, option) =>
    whole(value, option, least);

/** A number from `least` to `most`. */
export const between =
  (least: number, most: number): Check<number, number> =>
  (value, option) =>
    within(value, option, least, most);

/** A text. */
export const text: Check<string, string> = (value, option) => {
  if (typeof value === "string") return value;
  return refuse(option, "a text", value, TypeError);
};

/** One of a few names. */
export const oneOf =
  <const T extends string>(...names: readonly T[]): Check<T, T> =>
  (value, option) => {
    if (names.includes(value)) return value;
    return refuse(option, `one of ${names.join(", ")}`, value, TypeError);
  };

/** Anything, left as it is. */
export const as =
  <T>(): Check<T, T> =>
  (value) =>
    value;

/** An object that has the method by which it is known; `example` says how one is made. */
export const having =
  <T extends object>(method: keyof T, example: string): Check<T, T> =>
  (value, option) => {
    if (typeof (value as Partial<T> | null)?.[method] === "function") return value;
    return refuse(option, example, value, TypeError);
  };

/** A function, left as it is. */
export function callable<T>(value: T, option: string): T {
  if (typeof value === "function") return value;
  return refuse(option, "a function", value, TypeError);
}
