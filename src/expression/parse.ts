import {
  type Argument,
  type DescribedValue,
  type Description,
  describe,
  type PolicyDescription,
} from "../core/description.ts";
import { milliseconds, quote } from "../core/duration.ts";
import { LayeredPolicy } from "../core/layered-policy.ts";
import { compose, orElse, type Policy, race } from "../core/policy.ts";
import { ExpressionError, type Token, tokens } from "./lexer.ts";
import { policies, type TextFunction, values } from "./vocabulary.ts";

export { ExpressionError };

/**
 * The names that a text may use beside the built-in ones, which they shadow: policies, functions that make policies,
 * and values for their arguments.
 */
export type Scope = Readonly<Record<string, unknown>>;

/** Makes what a name of a text stands for; it may look at its arguments, change them, or give what it made before. */
export type Maker = (name: string, make: TextFunction, args: readonly unknown[]) => unknown;

/** As `parse`, with somebody else in the place where names are called. */
export function parseBy<Req, Res>(text: string, scope: Scope, maker: Maker): Policy<Req, Res> {
  return new Parser(text, scope, maker).parse() as Policy<Req, Res>;
}

const called: Maker = (_, make, args) => make(...(args as never[]));

/** Brackets and calls within each other that a text may have. */
const deepest = 64;

/**
 * Makes a policy of its text.
 *
 * `&` binds tightest, then `+`, then `|`; brackets group. A policy's first argument may stand without its name, and a
 * policy without arguments without its brackets.
 *
 * @param scope what the text's other names mean
 * @throws ExpressionError that says the line, the column, what was found there and what was expected
 * @example
 * const policy = parse("timeout(10s) + retry(3, backoff: exponential(100ms)) | answer(cached)", { cached });
 */
export function parse<Req = unknown, Res = unknown>(text: string, scope: Scope = {}): Policy<Req, Res> {
  if (typeof text !== "string") throw new TypeError(`parse takes a text, but got ${quote(text)}`);
  return parseBy(text, scope, called) as Policy<Req, Res>;
}

/**
 * Mixes policies and values into a text.
 *
 * @throws ExpressionError as `parse` does; positions count a value as its place, such as `$0`
 * @example
 * const steady = policy`${fast} | retry(3) + ${slow}`;
 */
export function policy<Req = unknown, Res = unknown>(
  texts: TemplateStringsArray,
  ...parts: readonly unknown[]
): Policy<Req, Res> {
  const text = texts.reduce((before, after, index) => `${before}$${index - 1}${after}`);
  return parse(text, Object.fromEntries(parts.map((part, index) => [`$${index}`, part])));
}

/** A value of a text, and how a description shows it. */
interface Value {
  readonly value: unknown;
  readonly described: DescribedValue;
}

interface Arguments {
  readonly values: readonly unknown[];
  readonly described: readonly Argument[];
}

class Parser {
  readonly #text: string;
  readonly #scope: Scope;
  readonly #maker: Maker;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(text: string, scope: Scope, maker: Maker) {
    this.#maker = maker;
    this.#text = text;
    this.#scope = scope;
    this.#tokens = tokens(text);
  }

  parse(): Policy {
    const policy = this.#branches();
    if (this.#peek.kind !== "end") this.#expected("an operator (+ | &) or the end");
    return policy;
  }

  get #peek(): Token {
    return this.#tokens[this.#next] as Token;
  }

  #take(mark: string): boolean {
    const found = this.#peek.kind === "mark" && this.#peek.text === mark;
    if (found) this.#next++;
    return found;
  }

  #branches(): Policy {
    return this.#joined("|", () => this.#layers(), orElse);
  }

  #layers(): Policy {
    return this.#joined("+", () => this.#racers(), compose);
  }

  #racers(): Policy {
    return this.#joined("&", () => this.#single(), race);
  }

  #joined(mark: string, operand: () => Policy, join: (...parts: Policy[]) => Policy): Policy {
    const parts = [operand()];
    while (this.#take(mark)) parts.push(operand());
    return parts.length === 1 ? (parts[0] as Policy) : join(...parts);
  }

  #single(): Policy {
    if (this.#take("(")) {
      const inner = this.#deeper(() => this.#branches());
      if (!this.#take(")")) this.#expected("an operator (+ | &) or )");
      return inner;
    }
    const token = this.#peek;
    if (token.kind !== "name") return this.#expected("a policy or (");
    this.#next++;
    return this.#policy(token);
  }

  #policy(token: Token): Policy {
    const { text: name, at } = token;
    const scoped = Object.hasOwn(this.#scope, name);
    const found = scoped ? this.#scope[name] : Object.hasOwn(policies, name) ? policies[name] : undefined;
    if (found instanceof LayeredPolicy) return named(found, name);
    if (typeof found !== "function") {
      const kind = scoped ? "a value that is no policy" : "an unknown policy";
      const meant = scoped ? "" : this.#meant(name);
      return this.#fail(at, `found ${quote(name)}, ${kind}${meant}, but expected ${this.#known()}`);
    }
    const { values, described } = this.#arguments();
    const made = this.#call(name, found as TextFunction, values, at);
    if (!(made instanceof LayeredPolicy)) return this.#fail(at, `${name} made no policy, but ${quote(made)}`);
    const own = describe(made);
    const asWritten = scoped || "operator" in own || own.policy !== name;
    const description = asWritten ? { policy: name, arguments: described } : renamed(own, described);
    return redescribed(made, description);
  }

  #known(): string {
    return `one of ${this.#names().join(", ")}`;
  }

  /** The policies that a text may name. */
  #names(): readonly string[] {
    const mine = Object.keys(this.#scope).filter((name) => !name.startsWith("$"));
    return [...new Set([...Object.keys(policies), ...mine])].sort();
  }

  /** What a misspelt name may have meant, for the message. */
  #meant(name: string): string {
    const near = this.#names().find((known) => isNear(known.toLowerCase(), name.toLowerCase()));
    return near === undefined ? "" : ` (did you mean ${near}?)`;
  }

  #arguments(): Arguments {
    const positional: unknown[] = [];
    const byName: Record<string, unknown> = Object.create(null);
    const described: Argument[] = [];
    if (!this.#take("(") || this.#take(")")) return { values: [], described };
    this.#deeper(() => {
      do {
        const token = this.#peek;
        const after = this.#tokens[this.#next + 1];
        if (token.kind === "name" && after?.kind === "mark" && after.text === ":") {
          this.#next += 2;
          if (token.text in byName)
            this.#fail(token.at, `found ${token.text} a second time, but expected it once`);
          const { value, described: shown } = this.#value();
          byName[token.text] = value;
          described.push({ name: token.text, value: shown });
        } else {
          const { value, described: shown } = this.#value();
          if (Object.keys(byName).length > 0) {
            this.#fail(
              token.at,
              `found ${quote(token.text)} without a name, but expected name: value after named ones`,
            );
          }
          positional.push(value);
          described.push({ value: shown });
        }
      } while (this.#take(","));
    });
    if (!this.#take(")")) this.#expected(`, or )${this.#spacedDuration}`);
    const values = Object.keys(byName).length === 0 ? positional : [...positional, { ...byName }];
    return { values, described };
  }

  /** What a duration with a space before its unit should have been, for the message. */
  get #spacedDuration(): string {
    const before = this.#tokens[this.#next - 1];
    const { text } = this.#peek;
    return before?.kind === "number" && /^(?:ms|s|m|h)$/.test(text)
      ? ` (a duration is ${before.text}${text})`
      : "";
  }

  #value(): Value {
    const token = this.#peek;
    this.#next++;
    switch (token.kind) {
      case "number":
      case "string":
        return { value: token.value, described: token.value };
      case "duration":
        return {
          value: token.text,
          described: { duration: milliseconds(token.text as `${number}ms`, "duration") },
        };
      case "name":
        return this.#namedValue(token);
      default:
        this.#next--;
        return this.#expected("a number, a duration, a string or a name");
    }
  }

  #namedValue(token: Token): Value {
    const { text: name, at } = token;
    if (name === "true" || name === "false") return { value: name === "true", described: name === "true" };
    if (Object.hasOwn(this.#scope, name)) {
      const value = this.#scope[name];
      const plain = typeof value === "number" || typeof value === "boolean";
      return {
        value,
        described: name.startsWith("$") ? (plain ? value : { opaque: value }) : { reference: name },
      };
    }
    const make = Object.hasOwn(values, name) ? values[name] : undefined;
    if (make === undefined) {
      const known = [...Object.keys(values), ...Object.keys(this.#scope)].filter(
        (each) => !each.startsWith("$"),
      );
      return this.#fail(
        at,
        `found ${quote(name)}, an unknown value, but expected one of ${known.sort().join(", ")}`,
      );
    }
    const { values: given, described } = this.#arguments();
    return { value: this.#call(name, make, given, at), described: { call: name, arguments: described } };
  }

  /** Calls what a name stands for; what it says of its arguments is an error at the name. */
  #call(name: string, make: TextFunction, args: readonly unknown[], at: number): unknown {
    try {
      return this.#maker(name, make, args);
    } catch (cause) {
      return this.#fail(at, cause instanceof Error ? cause.message : String(cause), cause);
    }
  }

  #deeper<T>(inner: () => T): T {
    if (++this.#depth > deepest)
      this.#fail(this.#peek.at, `found more than ${deepest} brackets within each other`);
    const result = inner();
    this.#depth--;
    return result;
  }

  #expected(what: string): never {
    const { kind, text, at } = this.#peek;
    return this.#fail(at, `found ${kind === "end" ? "the end" : quote(text)}, but expected ${what}`);
  }

  #fail(at: number, problem: string, cause?: unknown): never {
    throw new ExpressionError(this.#text, at, problem, cause);
  }
}

/** A policy's own description, with the values that came by a name shown as that name. */
function renamed(description: PolicyDescription, written: readonly Argument[]): Description {
  const own = new Set(description.arguments.map(({ name }) => name));
  return {
    ...description,
    arguments: description.arguments.map((argument) => {
      // The first argument may have been written with its name, which the description leaves out.
      const source =
        written.find(({ name }) => name === argument.name) ?? written.find(({ name }) => !own.has(name));
      const named = source !== undefined && typeof source.value === "object" && "reference" in source.value;
      return named ? { ...argument, value: source.value } : argument;
    }),
  };
}

/** Whether one becomes the other by at most one letter more, less, other, or swapped with its neighbour. */
function isNear(one: string, other: string): boolean {
  const [short, long] = one.length <= other.length ? [one, other] : [other, one];
  let same = 0;
  while (same < short.length && short[same] === long[same]) same++;
  const [rest, more] = [short.slice(same), long.slice(same)];
  if (short.length < long.length) return rest === more.slice(1);
  const swapped = `${more[1] ?? ""}${more[0] ?? ""}${more.slice(2)}`;
  return rest.slice(1) === more.slice(1) || rest === swapped;
}

/** A policy of the scope under its name; one that was mixed in without a name stays as it is. */
function named(policy: LayeredPolicy, name: string): Policy {
  return name.startsWith("$") ? policy : redescribed(policy, { policy: name, arguments: [] });
}

function redescribed(policy: LayeredPolicy, description: Description): Policy {
  return new LayeredPolicy(description, policy.layer);
}
