/**
 * A length of time: a number of milliseconds, or a number with its unit.
 *
 * @example
 * timeout(250); timeout("250ms"); timeout("1.5s"); timeout("2m"); timeout("1h");
 */
export type Duration = number | `${number}ms` | `${number}s` | `${number}m` | `${number}h`;

const form = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/;
const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Turns a `Duration` into milliseconds.
 *
 * @param option the name of the option it came from, for the message
 * @throws RangeError that names the option and quotes the value when it is not a finite duration of zero or more
 */
export function milliseconds(value: Duration, option: string): number {
  if (typeof value === "number" && value >= 0 && value < Infinity) return value;
  const match = typeof value === "string" && form.exec(value);
  return match
    ? Number(match[1]) * (units[match[2] as string] as number)
    : refuse(option, 'a duration such as 250, "250ms", "5s", "2m" or "1h"', value);
}

/** The shortest text of a duration in its largest whole unit: `5000` is `"5s"`, `90000` is `"90s"`. */
export function formatDuration(ms: number): string {
  for (const unit of ["h", "m", "s"] as const) {
    const size = units[unit] as number;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

/**
 * Refuses the value of an option.
 *
 * @throws RangeError, or a TypeError, that names the option, says what it must be and quotes what it is
 */
export function refuse(
  option: string,
  wanted: string,
  value: unknown,
  Kind: ErrorConstructor = RangeError,
): never {
  throw new Kind(`${option} must be ${wanted}, but is ${quote(value)}`);
}

/** A value as an error message quotes it. */
export function quote(value: unknown): string {
  if (typeof value === "function") return `function ${value.name || "(anonymous)"}`;
  // Of a number JSON would make null.
  if (typeof value !== "object" && typeof value !== "string") return String(value);
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    // A value that holds itself.
  }
  return text ?? Object.prototype.toString.call(value);
}
