import type { Context } from "../core/context.ts";
import type { Circuit, CircuitState } from "../state/circuit.ts";

/** Tells that a circuit's own state changed. */
export function announce(circuit: Circuit, name: string, from: CircuitState, context: Context): void {
  if (circuit.state === "open") {
    const { failureRate, openFor, reason } = circuit;
    context.emit({ type: "circuit.opened", circuit: name, from, failureRate, openFor, reason });
  } else if (circuit.state === "half-open") {
    context.emit({ type: "circuit.half-opened", circuit: name, from });
  } else {
    const openFor = circuit.openedFor(context.environment.clock);
    context.emit({ type: "circuit.closed", circuit: name, from, openFor });
  }
}
