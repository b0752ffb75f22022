import { unknown } from "./screen.ts";

/** A number with about three figures: `0`, `0.42`, `12.4`, `840`, `1.2k`. */
export function figures(value: number | null | undefined): string {
  if (value == null) return unknown;
  if (value >= 999_500) return `${short(value / 1_000_000)}M`;
  if (value >= 9_995) return `${short(value / 1_000)}k`;
  return Number.isInteger(value) || value >= 99.95 ? String(Math.round(value)) : short(value);
}

/** A share of 0 to 1 in per cent. What is not zero never reads as zero. */
export function percent(ratio: number | null | undefined): string {
  if (ratio == null) return unknown;
  const value = ratio * 100;
  if (value > 0 && value < 0.1) return "<0.1%";
  return `${value < 10 ? trimmed(value.toFixed(1)) : Math.round(value)}%`;
}

/** Milliseconds of a call. */
export function latency(ms: number | null | undefined): string {
  if (ms == null) return unknown;
  if (ms >= 999.5) return `${short(ms / 1_000)} s`;
  return `${ms < 10 ? trimmed(ms.toFixed(1)) : Math.round(ms)} ms`;
}

/** A length of time in its largest units: `8s`, `2m 5s`, `3h 12m`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return joined(Math.floor(seconds / 60), "m", seconds % 60, "s");
  if (seconds < 86_400)
    return joined(Math.floor(seconds / 3_600), "h", Math.floor((seconds % 3_600) / 60), "m");
  return joined(Math.floor(seconds / 86_400), "d", Math.floor((seconds % 86_400) / 3_600), "h");
}

/** `2026-11-21 14:03:27Z`, the same wherever its reader is. */
export function moment(at: number | null | undefined): string {
  return at == null ? unknown : `${new Date(at).toISOString().slice(0, 19).replace("T", " ")}Z`;
}

/** `14:03:27.123Z` */
export function timeOfDay(at: number): string {
  return new Date(at).toISOString().slice(11);
}

/** `1 check`, `2 checks`. */
export function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

function joined(large: number, one: string, small: number, other: string): string {
  return small === 0 ? `${large}${one}` : `${large}${one} ${small}${other}`;
}

function short(value: number): string {
  if (value >= 99.95) return String(Math.round(value));
  if (value >= 9.995) return trimmed(value.toFixed(1));
  return value > 0 && value < 0.005 ? "<0.01" : trimmed(value.toFixed(2));
}

function trimmed(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}
