import { type Tunable, tunable } from "./adaptive.ts";
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
}

/** A row whose types only its own policy knows. */
interface Row extends OptionForm {
  // A method, so that a row of any type is one: it is only ever called with what belongs to it.
  check(value: never, option: string): unknown;
  readonly initial?: unknown;
  readonly required?: true;
  readonly fixed?: true;
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
    const { check, initial, required, fixed } = table[name] as unknown as OptionRow<unknown, unknown>;
    const option = `${policy}: ${name}`;
    const value = (given as Record<string, unknown>)[name] ?? initial;
    const missing = value === undefined && required === undefined;
    const checked = missing || fixed === undefined ? undefined : check(value, option);
    read[name] = missing || fixed ? () => checked : tunable(value as Tunable<unknown>, check, option);
  }
  return { read: read as Readers<T>, recipe: { policy, given, table } };
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
export const callable =
  <T>(): Check<T, T> =>
  (value, option) => {
    if (typeof value === "function") return value;
    return refuse(option, "a function", value, TypeError);
  };
