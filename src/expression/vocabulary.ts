import { known } from "../core/check.ts";
import { identity, type Policy } from "../core/policy.ts";
import { answer, fallback } from "../policies/answer.ts";
import { constant, exponential, linear } from "../policies/backoff.ts";
import { bulkhead } from "../policies/bulkhead.ts";
import { circuitBreaker } from "../policies/circuit-breaker.ts";
import { standard } from "../policies/presets.ts";
import { retry } from "../policies/retry.ts";
import { timeout } from "../policies/timeout.ts";

/** A policy or a value as a text calls it: with positional arguments, then one object of the named ones, if any. */
export type TextFunction = (...args: never[]) => unknown;

/** Takes the named arguments, which come last, off a list; an adaptive value or a policy is an argument like others. */
function takeNamed(args: unknown[]): Record<string, unknown> | undefined {
  const last = args.at(-1);
  const plain = typeof last === "object" && last !== null && Object.getPrototypeOf(last) === Object.prototype;
  return plain ? (args.pop() as Record<string, unknown>) : undefined;
}

/** Calls a policy that takes one object of options, of which the first may stand without its name. */
const options =
  (make: (chosen: never) => Policy, first?: string): TextFunction =>
  (...args: unknown[]) => {
    const named = takeNamed(args) ?? {};
    if (args.length > (first === undefined ? 0 : 1)) {
      throw new TypeError(
        `${make.name} takes its options by name${first === undefined ? "" : `, save ${first}`}`,
      );
    }
    if (args.length === 0 || first === undefined) return make(named as never);
    if (first in named) throw new TypeError(`${make.name} got ${first} twice`);
    return make({ [first]: args[0], ...named } as never);
  };

/** Calls a policy that takes one argument, which may stand with its name. */
const only =
  (make: (value: never) => Policy, name: string): TextFunction =>
  (...args: unknown[]) => {
    const named = takeNamed(args);
    if (named === undefined) return make(args[0] as never);
    known(named, make.name, [name]);
    return make(named[name] as never);
  };

/** The policies that every text knows. */
export const policies: Readonly<Record<string, TextFunction>> = {
  answer,
  bulkhead: options(bulkhead, "limit"),
  circuitBreaker: options(circuitBreaker),
  fallback,
  identity: () => identity,
  retry: options(retry, "attempts"),
  standard: () => standard(),
  timeout: only(timeout, "after"),
};

/** The values that every text knows, beside numbers, durations, strings, true and false. */
export const values: Readonly<Record<string, TextFunction>> = { constant, exponential, linear };
