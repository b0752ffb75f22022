import type { CircuitState } from "../core/events.ts";

const fromBest: readonly (CircuitState | undefined)[] = [
  undefined,
  "closed",
  "metrics-only",
  "disabled",
  "half-open",
  "open",
  "forced-open",
];

/**
 * The state that keeps most calls away, of those of several circuits with one name; nothing where nobody knows any.
 *
 * @example
 * worstState(["closed", "half-open", undefined]); // "half-open"
 */
export function worstState(states: Iterable<CircuitState | undefined>): CircuitState | undefined {
  let worst = -1;
  for (const state of states) worst = Math.max(worst, fromBest.indexOf(state));
  return fromBest[worst];
}
