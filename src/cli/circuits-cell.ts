import type { CircuitReport, PolicyState } from "../observer/system-state.ts";
import { circuitCell } from "./circuits.ts";
import type { Cell } from "./screen.ts";

/** Milliseconds after which a circuit of which nobody told anything may be gone, or as good as closed. */
const heardFor = 60_000;

/** Whether a circuit is not closed as far as anybody knows: of one that was open and is not heard of any more nobody does. */
export function isNotClosed(circuit: CircuitReport, now: number): boolean {
  return circuit.state !== "closed" && !isDoubtful(circuit, now);
}

// What a person forced open stays so until one closes it.
function isDoubtful({ state, heardAt, until }: CircuitReport, now: number): boolean {
  return (state === "open" || state === "half-open") && now - heardAt > heardFor && now > (until ?? 0);
}

/** What the circuits of a policy say in one cell; that of a member or a route is named, since it is not the policy's own. */
export function circuitsCell({ policy, circuits }: PolicyState, now: number): Cell {
  const own = circuits.filter(({ circuit }) => memberIn(circuit, policy) === undefined);
  const odd = own.find((circuit) => isNotClosed(circuit, now));
  if (odd !== undefined) return circuitCell(odd.state);
  const other = circuits.find((circuit) => isNotClosed(circuit, now));
  if (other !== undefined) {
    return { ...circuitCell(other.state), text: `${memberIn(other.circuit, policy)} ${other.state}` };
  }
  const was = own.find((circuit) => isDoubtful(circuit, now));
  if (was !== undefined) return { text: `was ${was.state}`, ink: "dim" };
  return own.length === 0 ? null : circuitCell("closed");
}

/** Whose circuit of a policy it is: `canary` of `prices.canary`. `prices.2` is the second of the policy itself. */
function memberIn(circuit: string, policy: string): string | undefined {
  const rest = circuit.startsWith(`${policy}.`) ? circuit.slice(policy.length + 1) : "";
  return rest === "" || /^\d+$/.test(rest) ? undefined : rest;
}
