import { within } from "../core/check.ts";
import { refuse } from "../core/duration.ts";
import type { CircuitSnapshot } from "../state/circuit.ts";

// As texts: a bundle carries them.
const states = "closed, open, half-open, forced-open, disabled, metrics-only";
const numbers = "reopenings, consecutiveFailures, remaining, calls, failures, slowCalls";

/**
 * Refuses what is no snapshot of a circuit: it may come from anywhere.
 *
 * @throws RangeError that names what is wrong and quotes it
 */
export function checkedSnapshot(snapshot: CircuitSnapshot): CircuitSnapshot {
  const told = { consecutiveFailures: 0, ...snapshot, ...Object(snapshot).window };
  for (const name of numbers.split(", ")) within(told[name], `restore: ${name}`, 0, 1e15);
  const { state } = snapshot;
  return states.split(", ").includes(state) ? snapshot : refuse("restore: state", `one of ${states}`, state);
}
