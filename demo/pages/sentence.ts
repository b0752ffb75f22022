import type { PolicyEvent } from "ninelives";
import { span } from "./words.ts";

/** What an event means, in words; nothing for those that are no news. */
export function sentence(event: PolicyEvent): string | undefined {
  switch (event.type) {
    case "retry.attempted":
      return `An attempt failed (${cause(event.kind)}), next one in ${span(event.delay)}.`;
    case "retry.exhausted":
      return event.reason === "attempts"
        ? `Gave up after ${event.attempts} attempts.`
        : "Gave up: the next try would come too late.";
    case "timeout.occurred":
      return `No answer within ${span(event.after)}.`;
    case "circuit.opened":
      return event.openFor === undefined
        ? "Circuit opened by hand."
        : `Circuit opened for ${span(event.openFor)}: ${openings[event.reason]}.`;
    case "circuit.half-opened":
      return "Circuit half-open: one call may try.";
    case "circuit.closed":
      return "Circuit closed: calls pass again.";
    case "circuit.rejected":
      return "Refused a call without sending it.";
    case "fallback.used":
      // A refusal has said so already.
      return event.kind === "circuit-open" ? undefined : "Fell back to what was kept.";
    case "store.failed":
      return `Cannot share the circuit (${event.kind}), goes on alone.`;
    default:
      return undefined;
  }
}

const openings = {
  failures: "too many calls failed",
  "slow-calls": "too many calls were slow",
  probe: "the call that tried failed",
  fleet: "so another tab says",
  forced: "somebody wants it so",
} as const;

function cause(kind: string): string {
  if (kind === "value") return "an error status";
  return kind === "TypeError" ? "no connection" : kind;
}
