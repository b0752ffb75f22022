import type { CircuitState } from "ninelives";

/** A span of time as people say it: "12 s", "3 min". */
export function span(ms: number): string {
  if (ms < 950) return `${Math.max(10, Math.round(ms / 10) * 10)} ms`;
  const seconds = Math.ceil(ms / 1000 - 0.05);
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

/** What a circuit's state means for calls. */
export const meanings: Readonly<Record<CircuitState, string>> = {
  closed: "calls pass",
  open: "calls are refused",
  "half-open": "one call tries",
  "forced-open": "held open by hand",
  disabled: "switched off",
  "metrics-only": "only watching",
};

export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function euros(cents: number): string {
  return new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR" }).format(cents / 100);
}
