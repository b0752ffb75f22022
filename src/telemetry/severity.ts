import type { EventType, PolicyEvent } from "../core/events.ts";

/** How much an event matters to a person, from least to most. */
export type Severity = "debug" | "info" | "warn" | "error";

const severities: readonly Severity[] = ["debug", "info", "warn", "error"];

/** What is not listed is `info`. */
const known: { readonly [T in EventType]?: Severity } = {
  "request.succeeded": "debug",
  "request.aborted": "debug",
  "request.failed": "warn",
  "retry.exhausted": "warn",
  "circuit.opened": "error",
  "circuit.half-opened": "warn",
  "circuit.called": "debug",
  "circuit.rejected": "warn",
  "store.failed": "warn",
  "bulkhead.acquired": "debug",
  "bulkhead.rejected": "warn",
  "rate-limit.rejected": "warn",
  "rate-limit.changed": "warn",
  "throttle.rejected": "warn",
  "call.coalesced": "debug",
  "cache.hit": "debug",
  "cache.missed": "debug",
  "timeout.occurred": "warn",
  "fallback.used": "warn",
  "discovery.failed": "warn",
  "member.ejected": "warn",
  "member.unhealthy": "warn",
  "document.refused": "error",
};

/** How much an event matters; one of a type that this version does not know is `info`. */
export function severityOf({ type }: Pick<PolicyEvent, "type">): Severity {
  return Object.hasOwn(known, type) ? (known[type] as Severity) : "info";
}

/** Whether an event matters at least so much. */
export function isAtLeast(event: Pick<PolicyEvent, "type">, least: Severity): boolean {
  return severities.indexOf(severityOf(event)) >= severities.indexOf(least);
}
