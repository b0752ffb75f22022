import type { CircuitState, PolicyEvent } from "../core/events.ts";
import type { Circuits } from "./circuits.ts";
import type { Limits } from "./system-state.ts";
import type { CallResult, Totals } from "./totals.ts";

/** What the events of one policy are counted in, whoever counts. */
export interface CallCounts {
  readonly totals: Totals;
  readonly circuits: Pick<Circuits, "saw" | "nameOf">;
  limits: Limits;
}

export const unknownLimits: Limits = { concurrency: null, rate: null, per: null };

/** Counts what only grows, and keeps what is so now: all that an event says but for a change of a circuit's state. */
export function countCalls(event: PolicyEvent, at: number, counts: CallCounts): void {
  const { totals, circuits } = counts;
  const { weight = 1 } = event;
  const see = (circuit: string, state: CircuitState, result: CallResult): void => {
    circuits.saw(circuit, state, at);
    totals.called({ circuit: circuits.nameOf(circuit), state, result }, weight);
  };
  switch (event.type) {
    case "request.succeeded":
    case "request.failed":
    case "request.aborted":
      if (event.type !== "request.aborted") totals.ended(event, at);
      totals.inTime += weight * (event.inTime ?? 0);
      for (const { circuit, state, result } of event.circuits ?? []) see(circuit, state, result);
      break;
    case "circuit.called":
      see(event.circuit, event.state, event.result);
      break;
    case "circuit.rejected":
      see(event.circuit, event.state ?? "open", "rejected");
      break;
    case "bulkhead.acquired":
    case "bulkhead.rejected":
    case "limit.changed":
      counts.limits = { ...counts.limits, concurrency: event.limit };
      break;
    case "rate-limit.rejected":
    case "rate-limit.waited":
    case "rate-limit.changed":
      if (event.limit !== undefined)
        counts.limits = { ...counts.limits, rate: event.limit, per: event.per ?? null };
      break;
  }
}
