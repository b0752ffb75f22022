import type { EventType, PolicyEvent } from "../../core/events.ts";
import type { Attributes } from "./wire.ts";

export type Counter =
  | "resilience.requests"
  | "resilience.retries"
  | "resilience.timeout.operations"
  | "resilience.rejections"
  | "resilience.fallbacks"
  | "resilience.hedges"
  | "resilience.circuit_breaker.calls"
  | "resilience.circuit_breaker.state_transitions"
  | "resilience.events.dropped";

/** What is counted, by name, with its unit and what it means. */
export const counters: Readonly<Record<Counter, readonly [unit: string, description: string]>> = {
  "resilience.requests": ["{call}", "Calls that ended, after all policies."],
  "resilience.retries": ["{attempt}", "Attempts after the first."],
  "resilience.timeout.operations": [
    "{operation}",
    "Operations under a timeout, by whether they ended within it.",
  ],
  "resilience.rejections": ["{call}", "Calls that a policy refused, by the kind of policy."],
  "resilience.fallbacks": ["{call}", "Calls that went on to another branch."],
  "resilience.hedges": ["{attempt}", "Hedges, by what became of them."],
  "resilience.circuit_breaker.calls": [
    "{call}",
    "Calls that came to a circuit, by its state and their result.",
  ],
  "resilience.circuit_breaker.state_transitions": ["{transition}", "Changes of a circuit's state."],
  "resilience.events.dropped": ["{event}", "Events that were lost: no room, no delivery, or rejected."],
};

type Counted = readonly [counter: Counter, attributes: Attributes, by: number];

const rejecting: { readonly [T in EventType]?: string } = {
  "circuit.rejected": "circuit_breaker",
  "bulkhead.rejected": "bulkhead",
  "rate-limit.rejected": "rate_limit",
  "throttle.rejected": "throttle",
};

const states = {
  "circuit.opened": "open",
  "circuit.half-opened": "half-open",
  "circuit.closed": "closed",
} as const;

/** What one event adds to the counters. */
export function countsOf(event: PolicyEvent): readonly Counted[] {
  const policy = { "resilience.policy": event.policy };
  const one = (counter: Counter, more: Attributes): readonly Counted[] => [
    [counter, { ...policy, ...more }, 1],
  ];
  const circuitCall = (circuit: string, state: string, result: string): Counted => [
    "resilience.circuit_breaker.calls",
    { ...policy, "resilience.circuit": circuit, "resilience.state": state, "resilience.result": result },
    1,
  ];
  const kind = rejecting[event.type];
  const refused = kind === undefined ? [] : one("resilience.rejections", { "resilience.kind": kind });
  switch (event.type) {
    case "request.succeeded":
    case "request.failed":
    case "request.aborted":
      return [
        ...one("resilience.requests", {
          "resilience.result":
            event.type === "request.succeeded" && event.degraded === true
              ? "degraded"
              : event.type.slice("request.".length),
          ...(event.type === "request.failed" && { "error.type": event.kind }),
        }),
        ...(event.circuits ?? []).map(({ circuit, state, result }) => circuitCall(circuit, state, result)),
        ["resilience.timeout.operations", { ...policy, "resilience.result": "success" }, event.inTime ?? 0],
      ];
    case "circuit.called":
      return [circuitCall(event.circuit, event.state, event.result)];
    case "circuit.rejected":
      return [...refused, circuitCall(event.circuit, event.state ?? "open", "rejected")];
    case "circuit.opened":
    case "circuit.half-opened":
    case "circuit.closed":
      return one("resilience.circuit_breaker.state_transitions", {
        "resilience.circuit": event.circuit,
        "resilience.state": states[event.type],
      });
    case "timeout.occurred":
      return one("resilience.timeout.operations", { "resilience.result": "timeout" });
    case "retry.attempted":
      return one("resilience.retries", { "error.type": event.kind });
    case "fallback.used":
      return one("resilience.fallbacks", { "error.type": event.kind });
    case "hedge.started":
      return one("resilience.hedges", { "resilience.result": "started" });
    case "hedge.won":
      return one("resilience.hedges", { "resilience.result": "won" });
    default:
      return refused;
  }
}
