import type { CircuitState } from "ninelives";
import type { CircuitReport, PolicyState, WindowName } from "ninelives/observer";
import { isRefused } from "./follower-words.ts";

/** From this share of failures on, a policy is in trouble though no circuit is open. */
export const highErrorRate = 0.1;

/** The order of names; `localeCompare` makes one anew for each pair. */
export const alphabet = new Intl.Collator("en");

const severity: Readonly<Record<CircuitState, number>> = {
  "forced-open": 5,
  open: 4,
  "half-open": 3,
  disabled: 1,
  "metrics-only": 1,
  closed: 0,
};

/** Milliseconds after which a circuit of which nobody told anything may be gone, or as good as closed. */
const heardFor = 60_000;

/** Whether nobody has told of it or called through it for a minute, nor is it known to be open still. */
export function unheard({ heardAt, until }: CircuitReport, now: number): boolean {
  return now - heardAt > heardFor && now > (until ?? 0);
}

/** Whether what was heard last of it may not be so any more. What a person forced open stays so until one closes it. */
export function doubtful(circuit: CircuitReport, now: number): boolean {
  return (circuit.state === "open" || circuit.state === "half-open") && unheard(circuit, now);
}

/** How bad a circuit's state is; a state that this page does not know yet counts as closed, as does a doubtful one. */
function severityOf(circuit: CircuitReport, now: number): number {
  return doubtful(circuit, now) ? 0.5 : (severity[circuit.state] ?? 0);
}

/** The circuits of a policy, the worst first, and of equals the one that has been so for longest. */
export function bySeverity(circuits: readonly CircuitReport[], now: number): CircuitReport[] {
  return [...circuits].sort((a, b) => severityOf(b, now) - severityOf(a, now) || a.since - b.since);
}

/** The circuit of a policy that says most. */
export function worstCircuit(circuits: readonly CircuitReport[], now: number): CircuitReport | undefined {
  return bySeverity(circuits, now)[0];
}

/** Whether it refuses calls now. */
export function refuses(circuit: CircuitReport, now: number): boolean {
  return circuit.state === "forced-open" || (circuit.state === "open" && !doubtful(circuit, now));
}

/** The trouble that a policy is in: 5 forced open, 4 open, 3 half-open, 2 many errors or a document that is refused, 1 switched off, less none. */
export function trouble(policy: PolicyState, window: WindowName, now: number): number {
  const worst = worstCircuit(policy.circuits, now);
  const byCircuit = worst === undefined ? 0 : severityOf(worst, now);
  const failing = (policy.windows[window].errorRate ?? 0) >= highErrorRate;
  return Math.max(byCircuit, failing || isRefused(policy.document) ? 2 : 0);
}

/** Milliseconds of silence after which a policy stands after those that are called: no window knows of it any more. */
const silent = 900_000;

/** The worst first, and equals by name, so that nothing moves without a reason; the silent come last. */
export function byTrouble(policies: Iterable<PolicyState>, window: WindowName, now: number): PolicyState[] {
  // Open and forced open are one class: a person who forces a circuit must not lose its card.
  const rankOf = (policy: PolicyState): number => {
    const rank = Math.min(4, trouble(policy, window, now));
    return rank === 0 && now - policy.lastEventAt > silent ? -1 : rank;
  };
  const ranked = [...policies].map((policy) => ({ policy, rank: rankOf(policy) }));
  ranked.sort((a, b) => b.rank - a.rank || alphabet.compare(a.policy.policy, b.policy.policy));
  return ranked.map(({ policy }) => policy);
}

/** An order as it was, with new names at the end and vanished ones left out. */
export function heldOrder(names: readonly string[], before: readonly string[]): string[] {
  const now = new Set(names);
  const held = before.filter((name) => now.has(name));
  const known = new Set(held);
  return [...held, ...names.filter((name) => !known.has(name))];
}
