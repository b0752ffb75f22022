import type { PolicyDocument } from "ninelives/control";
import type { CircuitReport, PolicyState } from "ninelives/observer";
import { badgeWords } from "./circuit-words.ts";
import { bySeverity, doubtful } from "./trouble.ts";

type Documents = ReadonlyMap<string, Pick<PolicyDocument, "text">> | null;

/** The circuits that a policy told of and that are others': of a member or a route with a document of its own. */
export function circuitsOfOthers(state: PolicyState | undefined, documents: Documents): CircuitReport[] {
  return state?.circuits.filter(({ circuit }) => circuit !== state.policy && documents?.has(circuit)) ?? [];
}

/** The policies, each with the circuits that are its own: one that is named after a document is that document's. */
export function withOwnCircuits(policies: PolicyState[], documents: Documents): PolicyState[] {
  const moved = policies.flatMap((state) => circuitsOfOthers(state, documents));
  if (moved.length === 0) return policies;
  return policies.map((state) => {
    const own = state.circuits.filter((circuit) => !moved.includes(circuit));
    const known = new Set(own.map(({ circuit }) => circuit));
    const come = moved.filter(({ circuit }) => circuit === state.policy && !known.has(circuit));
    return { ...state, circuits: [...own, ...come] };
  });
}

/** Which circuits of others are not closed, the worst by its name; empty where none is. */
export function othersWords(circuits: readonly CircuitReport[], now: number): string {
  const bad = circuits.filter((circuit) => circuit.state !== "closed" && !doubtful(circuit, now));
  const [worst] = bySeverity(bad, now);
  if (worst === undefined) return "";
  const more = bad.length > 1 ? `, ${bad.length - 1} more not closed` : "";
  return `${worst.circuit} is ${badgeWords[worst.state] ?? worst.state}${more}`;
}

/** Whether there is a circuit of a policy's own name to command: it was told of, or its document has one. */
export function hasCircuit({ policy, circuits }: PolicyState, documents: Documents): boolean {
  const text = documents?.get(policy)?.text;
  if (text === undefined) return false;
  return circuits.some(({ circuit }) => circuit === policy) || /\b(circuitBreaker|standard)\b/.test(text);
}
