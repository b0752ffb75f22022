import { type Duration, milliseconds, quote, refuse } from "./duration.ts";

/**
 * Refuses a number that is out of its range.
 *
 * @throws RangeError that names the option, quotes the value and says the range
 */
export function within(value: number, option: string, least: number, most: number): number {
  if (typeof value === "number" && value >= least && value <= most) return value;
  return refuse(option, `a number from ${least} to ${most}`, value);
}

/**
 * Refuses a priority that is out of bounds.
 *
 * @throws RangeError that names the option and quotes the value
 */
export function rank(value: number, option: string): number {
  return within(value, option, -1_000_000, 1_000_000);
}

/**
 * Refuses anything but a whole number of at least `least`.
 *
 * @throws RangeError that names the option and quotes the value
 */
export function whole(value: number, option: string, least = 1): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  return refuse(option, `a whole number of at least ${least}`, value);
}

/**
 * Refuses a duration of nothing.
 *
 * @throws RangeError that names the option and quotes the value
 */
export function span(value: Duration, option: string): number {
  const ms = milliseconds(value, option);
  if (ms > 0) return ms;
  return refuse(option, "longer than 0", value);
}

/**
 * Refuses options that do not exist, so that a misspelt one is never ignored, and what are no options at all.
 *
 * @throws TypeError that names the policy and the unknown option and lists the known ones
 */
export function known(options: object, policy: string, names: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    refuse(policy, `an object with ${names.join(", ")}`, options, TypeError);
  }
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) {
      throw new TypeError(`${policy} has no option ${quote(name)}; it has ${names.join(", ")}`);
    }
  }
}
