import {
  type Argument,
  type DescribedValue,
  type Description,
  describe,
  type Operator,
} from "../core/description.ts";
import { formatDuration } from "../core/duration.ts";
import type { Policy } from "../core/policy.ts";

/** The higher, the tighter. */
const binds: Readonly<Record<Operator, number>> = { "|": 1, "+": 2, "&": 3 };

/**
 * The text of a policy, which parses to a policy with an equal description.
 *
 * @throws TypeError with the path to a value that has no text: a function or an object that did not come by a name
 */
export function format(policy: Policy<never, never>): string {
  return formatDescription(describe(policy));
}

/** The text of a description. */
export function formatDescription(description: Description): string {
  return text(description, 0, "");
}

function text(description: Description, outer: number, path: string): string {
  if ("operator" in description) {
    const { operator, operands } = description;
    const mine = binds[operator];
    const joined = operands
      .map((operand, index) => text(operand, mine, `${path}${operator}[${index}] `))
      .join(` ${operator} `);
    return mine < outer ? `(${joined})` : joined;
  }
  return call(description.policy, description.arguments, path);
}

function call(name: string, list: readonly Argument[], path: string): string {
  if (list.length === 0) return name;
  const shown = list.map(({ name: label, value }, index) => {
    const printed = show(value, `${path}${name}: ${label ?? `argument ${index + 1}`}`);
    return label === undefined ? printed : `${label}: ${printed}`;
  });
  return `${name}(${shown.join(", ")})`;
}

function show(value: DescribedValue, path: string): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" && !Number.isFinite(value))
    throw new TypeError(`${path} is ${value}, which has no text`);
  if (typeof value !== "object") return String(value);
  if ("duration" in value) return formatDuration(value.duration);
  if ("reference" in value) return value.reference;
  if ("call" in value) return call(value.call, value.arguments, `${path} `);
  const kind = typeof value.opaque === "function" ? "a function" : "an object";
  throw new TypeError(`${path} is ${kind} that did not come by a name, so it has no text`);
}
