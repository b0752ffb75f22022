import type { CircuitState } from "ninelives";
import type { CircuitReport, PolicyState, WindowName } from "ninelives/observer";

/** From this share of failures on, a policy is in trouble though no circuit is open. */
export const highErrorRate = 0.1;

const severity: Readonly<Record<CircuitState, number>> = {
  "forced-open": 5,
  open: 4,
  "half-open": 3,
  disabled: 1,
  "metrics-only": 1,
  closed: 0,
};

/** How bad a circuit's state is; a state that this page does not know yet counts as closed. */
function severityOf({ state }: CircuitReport): number {
  return severity[state] ?? 0;
}

/** The circuit of a policy that says most: the worst, and of those the one that has been so for longest. */
export function worstCircuit(circuits: readonly CircuitReport[]): CircuitReport | undefined {
  return [...circuits].sort((a, b) => severityOf(b) - severityOf(a) || a.since - b.since)[0];
}

/** Whether it refuses calls now. */
export function refuses({ state }: CircuitReport): boolean {
  return state === "open" || state === "forced-open";
}

/** The trouble that a policy is in: 5 forced open, 4 open, 3 half-open, 2 many errors, 1 switched off, 0 none. */
export function trouble(policy: PolicyState, window: WindowName): number {
  const worst = worstCircuit(policy.circuits);
  const byCircuit = worst === undefined ? 0 : severityOf(worst);
  const failing = (policy.windows[window].errorRate ?? 0) >= highErrorRate;
  return Math.max(byCircuit, failing ? 2 : 0);
}

/** The worst first, and equals by name, so that nothing moves without a reason. */
export function byTrouble(policies: Iterable<PolicyState>, window: WindowName): PolicyState[] {
  // Open and forced open are one class: a person who forces a circuit must not lose its card.
  const rank = (policy: PolicyState): number => Math.min(4, trouble(policy, window));
  return [...policies].sort((a, b) => rank(b) - rank(a) || a.policy.localeCompare(b.policy, "en"));
}

/** An order as it was, with new names at the end and vanished ones left out. */
export function heldOrder(names: readonly string[], before: readonly string[]): string[] {
  const now = new Set(names);
  const held = before.filter((name) => now.has(name));
  const known = new Set(held);
  return [...held, ...names.filter((name) => !known.has(name))];
}
