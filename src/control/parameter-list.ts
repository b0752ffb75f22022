import { type Description, describeValue, type PolicyDescription } from "../core/description.ts";
import { boundsOf } from "./parameter-bounds.ts";
import { labelOf, printed, visited } from "./parameters.ts";
import { hasDefaults, tableOf } from "./tunables.ts";
import type { ParameterState } from "./wire.ts";

/** What is known of a parameter from a text, without the version of the document that it stands in. */
export type ListedParameter = Omit<ParameterState, "version">;

/**
 * All that may be set in a policy while it runs, with its bounds: what its text gives, and what it leaves to the defaults.
 *
 * What a value such as a back-off takes has a path behind it: `retry.backoff.factor`.
 */
export function listParameters(description: Description): ListedParameter[] {
  return visited(description).flatMap(({ path, policy }) => [...optionsOf(path, policy)]);
}

function* optionsOf(
  path: string,
  { policy: name, arguments: list }: PolicyDescription,
): Generator<ListedParameter> {
  const table = tableOf(name) ?? {};
  const given = new Map(list.map((argument, index) => [labelOf(name, argument, index), argument] as const));
  const tunable = Object.keys(table).filter((option) => !table[option]?.fixed);
  for (const option of new Set([...given.keys(), ...tunable])) {
    const argument = given.get(option);
    const row = Object.hasOwn(table, option) && hasDefaults(name) ? table[option] : undefined;
    const { initial } = { initial: undefined, ...row } as { readonly initial?: unknown };
    const fallback = initial === undefined || typeof initial === "function" ? null : shown(initial, row);
    yield {
      path: `${path}.${option}`,
      value: argument === undefined ? fallback : printed(argument),
      given: argument !== undefined,
      default: fallback,
      ...boundsOf(name, option),
    };
    const value = argument?.value;
    if (typeof value === "object" && "call" in value && tableOf(value.call) !== undefined) {
      yield* optionsOf(`${path}.${option}`, { policy: value.call, arguments: value.arguments });
    }
  }
}

/** A default as a text has it. */
function shown(initial: unknown, row: { readonly duration?: unknown } | undefined): string {
  const isDuration =
    row?.duration === true || (typeof initial === "string" && /^\d+(?:ms|s|m|h)$/.test(initial));
  return printed({ value: describeValue(initial, isDuration) });
}
