import { type Adaptive, adaptive, isAdaptive } from "../core/adaptive.ts";
import type { Policy } from "../core/policy.ts";
import { type Maker, parseBy, type Scope } from "../expression/parse.ts";
import { livePolicy } from "./live-policy.ts";
import { firstOption, hasDefaults, policyTables, tableOf } from "./tunables.ts";

export interface DocumentPolicyOptions {
  /** What the text's names mean beside the built-in ones; policies are called with one object of their options. */
  readonly scope?: Scope;
  /** The same for what is made to stay, and not only to be checked. Default `scope`. */
  readonly making?: Scope;
  /**
   * Begins a text, and says the `name` that each policy gets by where it stands, if it gets one. What has a name here may
   * not have another one in the text. Default: none does.
   */
  readonly label?: () => (policy: string) => string | undefined;
}

/** A text that is ready to be put in force. */
export interface Prepared {
  /** What must be made anew, such as `rateLimit`, or of the second one `rateLimit#2`; all else goes on as it is. */
  readonly remade: readonly string[];
  /** The `name`s that its policies got, in the order of the text. */
  readonly names: readonly string[];
  /**
   * Puts it in force: from here on, calls go by it. It goes on with what was in force when it was prepared: where another
   * text was put in force since, prepare it anew, or what only that one has counted is lost.
   */
  commit(): void;
}

/** A policy that goes by a text which may change while it runs. */
export interface DocumentPolicy<in Req = unknown, in Res = unknown> {
  readonly policy: Policy<Req, Res>;
  /** The text in force. */
  readonly text: string;
  /** Checks a text and puts it in force. @throws ExpressionError; what was in force then stays */
  set(text: string): void;
  /** Only checks it. @throws ExpressionError */
  check(text: string): void;
  /** Checks it and makes what is new in it, for who has something to do before it is put in force. */
  prepare(text: string, making?: Scope): Prepared;
}

/** What one name of a text stands for. */
interface Part {
  readonly made: unknown;
  /** The options that may change while it runs. */
  readonly cells: ReadonlyMap<string, Adaptive<unknown>>;
  /** All else that it was made from: as long as it is the same, so may the part be. */
  readonly rest: readonly unknown[];
}

/**
 * Makes a policy of a text that may change while it runs.
 *
 * A change of values is done in place. Where the text has other policies than before, those that it still has go on as they
 * are, each the nth of its kind as the nth: with their circuits, those that wait, their permits and what they have counted.
 * One that must be made anew (a rate limit by another algorithm) begins with the `snapshot()` of the one before, if it has one.
 * Calls under way end as they began, but read changed values where they come to them.
 *
 * @example
 * const prices = documentPolicy("retry(3) + circuitBreaker(openFor: 10s)");
 * const get = prices.policy.wrap(service);
 * prices.set("retry(5) + circuitBreaker(openFor: 20s)"); // from the next call on, with the same circuit
 */
export function documentPolicy<Req = unknown, Res = unknown>(
  text: string,
  { scope = {}, making = scope, label = () => () => undefined }: DocumentPolicyOptions = {},
): DocumentPolicy<Req, Res> {
  let parts: ReadonlyMap<string, Part> = new Map();
  let inForce = text;
  check(text);
  const first = begin(text, making);
  const current = adaptive(first.policy);
  parts = first.parts;

  function check(given: string): void {
    const named = label();
    parseBy(given, scope, (name, make, args) => make(...(labelled(name, args, named(name)) as never[])));
  }

  function begin(given: string, own: Scope) {
    const named = label();
    const next = new Map<string, Part>();
    const names: string[] = [];
    const news: (() => void)[] = [];
    const counts = new Map<string, number>();
    const remade: string[] = [];
    const maker: Maker = (name, make, args) => {
      const number = (counts.get(name) ?? 0) + 1;
      counts.set(name, number);
      const key = number === 1 ? name : `${name}#${number}`;
      const its = named(name);
      if (its !== undefined) names.push(its);
      const { values, rest } = sorted(name, labelled(name, args, its));
      const before = parts.get(key);
      if (before !== undefined && before.cells.size === values.size && same(before.rest, rest)) {
        for (const [option, cell] of before.cells) {
          const value = values.get(option);
          if (cell.get() !== value) news.push(() => cell.set(value));
        }
        next.set(key, before);
        return before.made;
      }
      remade.push(key);
      const cells = new Map([...values].map(([option, value]) => [option, adaptive(value)]));
      const made = make(...(withCells(name, rest, cells) as never[]));
      const memory = before?.made;
      if (remembers(memory) && remembers(made)) news.push(() => made.restore(memory.snapshot()));
      next.set(key, { made, cells, rest });
      return made;
    };
    return {
      policy: parseBy<Req, Res>(given, own, maker),
      parts: next,
      names,
      remade,
      change: () => {
        for (const each of news) each();
      },
    };
  }

  function prepare(given: string, own: Scope = making): Prepared {
    check(given);
    const { policy, parts: next, names, remade, change } = begin(given, own);
    return {
      remade,
      names,
      commit() {
        change();
        parts = next;
        inForce = given;
        current.set(policy);
      },
    };
  }

  return {
    policy: livePolicy<Req, Res>(current),
    get text() {
      return inForce;
    },
    set: (given) => prepare(given).commit(),
    check,
    prepare,
  };
}

/** The arguments with the options of a policy in one object, and with its name among them if it has one. */
function labelled(name: string, args: readonly unknown[], its: string | undefined): readonly unknown[] {
  const { options, others } = split(name, args);
  if (others.length > 0 && Object.hasOwn(policyTables, name)) {
    const first = firstOption(name);
    throw new TypeError(`${name} takes its options by name${first === undefined ? "" : `, save ${first}`}`);
  }
  if (its !== undefined) {
    if (Object.hasOwn(options, "name"))
      throw new TypeError(`${name}: its name here comes from where it stands`);
    options.name = its;
  }
  const has = Object.keys(options).length > 0;
  return has ? [...others, options] : others;
}

/** What of the arguments goes by names, with the first one of a policy; and the others. */
function split(
  name: string,
  args: readonly unknown[],
): { readonly options: Record<string, unknown>; readonly others: readonly unknown[] } {
  const others = [...args];
  const last = others.at(-1);
  const named = areNamed(last) ? (others.pop() as object) : {};
  const options: Record<string, unknown> & { name?: string } = { ...named };
  const first = firstOption(name);
  if (Object.hasOwn(policyTables, name) && first !== undefined && others.length === 1) {
    if (Object.hasOwn(options, first)) throw new TypeError(`${name} got ${first} twice`);
    options[first] = others.pop();
  }
  return { options, others };
}

/** What of the arguments may change while it runs, all that the policy knows among them; and the rest. */
function sorted(
  name: string,
  args: readonly unknown[],
): { readonly values: ReadonlyMap<string, unknown>; readonly rest: readonly unknown[] } {
  const table = tableOf(name);
  const values = new Map<string, unknown>();
  if (table === undefined) return { values, rest: args };
  const { options, others } = split(name, args);
  const first = others.length === 1 ? firstOption(name) : undefined;
  if (first !== undefined) options[first] = others[0];
  for (const [option, { fixed, contextless }] of Object.entries(table)) {
    const value = options[option];
    // What changes by itself, and a function that a policy asks or tells something, must reach it as it is.
    if (fixed || isAdaptive(value) || (typeof value === "function" && !contextless)) continue;
    if (value === undefined && !hasDefaults(name)) continue;
    values.set(option, value);
    delete options[option];
  }
  return { values, rest: [...(first === undefined ? others : []), options] };
}

/** The arguments to make it from. */
function withCells(
  name: string,
  rest: readonly unknown[],
  cells: ReadonlyMap<string, Adaptive<unknown>>,
): readonly unknown[] {
  if (tableOf(name) === undefined) return rest;
  const others = [...rest];
  const options: Record<string, unknown> = { ...(others.pop() as object), ...Object.fromEntries(cells) };
  const first = firstOption(name);
  if (first === undefined || Object.hasOwn(policyTables, name)) return [...others, options];
  const { [first]: given, ...more } = options;
  return [given, more];
}

function same(before: readonly unknown[], after: readonly unknown[]): boolean {
  const [one, other] = [before, after].map((rest) =>
    rest.flatMap((each) => (areNamed(each) ? Object.entries(each).sort().flat() : [each])),
  ) as [unknown[], unknown[]];
  return one.length === other.length && one.every((each, index) => each === other[index]);
}

/** Whether it holds the arguments that have names: values such as back-offs may be plain objects too. */
function areNamed(value: unknown): value is object {
  const plain =
    typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  return plain && !("recipe" in value);
}

interface Remembering {
  snapshot(): never;
  restore(snapshot: never): void;
}

function remembers(value: unknown): value is Remembering {
  return typeof value === "object" && value !== null && "snapshot" in value && "restore" in value;
}
