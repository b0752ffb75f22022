/** What stands where a value is unknown, which is not zero. */
export const unknown = "–";

const space = "\u202f";

/** One for all: a number that makes its own each time takes most of what drawing thousands of policies takes. */
const wholes = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A number with at most three figures: `0`, `0.42`, `12.4`, `840`, `1.2k`. */
export function figures(value: number): string {
  if (value >= 999_500) return `${short(value / 1_000_000)}M`;
  if (value >= 9_995) return `${short(value / 1_000)}k`;
  if (value >= 99.95 || Number.isInteger(value)) return wholes.format(value);
  return short(value);
}

function short(value: number): string {
  if (value >= 99.95) return String(Math.round(value));
  if (value >= 9.995) return trimmed(value.toFixed(1));
  return value > 0 && value < 0.005 ? "<0.01" : trimmed(value.toFixed(2));
}

/** Strikes zeros off the end of a decimal fraction. */
function trimmed(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** Calls a second. */
export function rate(perSecond: number | null | undefined): string {
  return perSecond == null ? unknown : `${figures(perSecond)}/s`;
}

/** A share of 0 to 1. What is not zero never reads as zero. */
export function percent(ratio: number | null | undefined): string {
  if (ratio == null) return unknown;
  const value = ratio * 100;
  if (value > 0 && value < 0.1) return `<0.1${space}%`;
  if (value < 100 && value > 99.9) return `>99.9${space}%`;
  return `${value < 10 ? trimmed(value.toFixed(1)) : Math.round(value)}${space}%`;
}

/** Milliseconds of a call. */
export function latency(ms: number | null | undefined): string {
  if (ms == null) return unknown;
  if (ms >= 999.5) return `${short(ms / 1_000)}${space}s`;
  const rounded = ms < 10 ? trimmed(ms.toFixed(1)) : Math.round(ms);
  return `${rounded === "0" && ms > 0 ? "<0.1" : rounded}${space}ms`;
}

/** A count. */
export function count(value: number | null | undefined): string {
  return value == null ? unknown : figures(value);
}

/** A length of time in its two largest units, in whole seconds: `8 s`, `2 min 5 s`, `3 h 12 min`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const parts: [size: number, unit: string][] = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  const first = parts.findIndex(([size]) => seconds >= size);
  if (first === -1) return `0${space}s`;
  let left = seconds;
  const said = parts.slice(first, first + 2).map(([size, unit]) => {
    const whole = Math.floor(left / size);
    left -= whole * size;
    return whole === 0 ? "" : `${whole}${space}${unit}`;
  });
  return said.filter(Boolean).join(" ");
}

const clocks = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const calendars = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** The time of day, `14:03:27`, where the reader is. */
export function timeOfDay(at: number): string {
  return clocks.format(at);
}

/** Date and time, `21 Nov 2026, 14:03:27`, where the reader is. */
export function dateAndTime(at: number): string {
  return calendars.format(at);
}

/** `1 call`, `2 calls`. */
export function plural(number: number, one: string, many = `${one}s`): string {
  return `${figures(number)} ${number === 1 ? one : many}`;
}
