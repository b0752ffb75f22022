import type { CircuitBreaker, EventSink } from "ninelives";

/** Tells that a circuit is not closed to begin with, since the fleet's is not: else its refusals come out of nowhere. */
export function tellFound(
  { name: circuit, state, failureRate }: CircuitBreaker,
  policy: string,
  sink: EventSink,
): void {
  const stamp = { policy, at: Date.now(), circuit, from: "closed" } as const;
  if (state === "half-open") sink.emit({ ...stamp, type: "circuit.half-opened" });
  else if (state === "open" || state === "forced-open") {
    const reason = state === "open" ? "fleet" : "forced";
    sink.emit({ ...stamp, type: "circuit.opened", failureRate, reason });
  }
}
