import type { RejectionKind } from "./errors.ts";

/** What every event carries. The context fills it in. */
export interface EventStamp {
  /** The name that `environment({ name })` gave to the call's policy, or `default`. */
  readonly policy: string;
  /** Milliseconds since 1970 by the clock of where it happened, which need not be right. */
  readonly at: number;
  /** The call's key, such as a host or a tenant. */
  readonly key?: string | undefined;
  /** The trace that the call is a part of, where it is traced. */
  readonly traceId?: string | undefined;
  /** The span in that trace: the attempt that was sent last. */
  readonly spanId?: string | undefined;
  /** How many alike events it stands for, of which the others were left out by a sample. Default 1. */
  readonly weight?: number | undefined;
}

export type CircuitState = "closed" | "open" | "half-open" | "forced-open" | "disabled" | "metrics-only";

/** How one call went through one circuit. What the circuit refused is told by `circuit.rejected`. */
export interface CircuitCall {
  readonly circuit: string;
  /** As it was when the call passed. */
  readonly state: CircuitState;
  /** `ignored` is what says nothing of the service, such as an abort. */
  readonly result: "success" | "failure" | "ignored";
}

/** What every call tells at its end. */
export interface CallMeasures {
  /** Milliseconds, all attempts and waits included. */
  readonly duration: number;
  /** How often the request went out. */
  readonly attempts: number;
  /** How it went through circuits, attempt by attempt; absent when there was none. */
  readonly circuits?: readonly CircuitCall[] | undefined;
  /** How many operations ended within their timeout; absent when there was none. */
  readonly inTime?: number | undefined;
}

/** What happened, by type. A new type may come at any time: readers skip what they do not know. */
export interface EventDetails {
  /**
   * The call succeeded, after all policies. Emitted by `environment`. It is `degraded` when the service failed and another
   * branch or what a cache had kept answered in its place; else that is absent.
   */
  "request.succeeded": CallMeasures & { readonly degraded?: true | undefined };
  /** The call failed, after all policies. `kind` is a rejection's kind, an error's name, or `value` for a failing value. */
  "request.failed": CallMeasures & { readonly kind: string };
  /** The caller gave the call up, which is neither success nor failure. Emitted by `environment`. */
  "request.aborted": CallMeasures;
  /** An attempt failed and another one follows after `delay` milliseconds. */
  "retry.attempted": { readonly attempt: number; readonly delay: number; readonly kind: string };
  /** The last attempt failed. `reason` says what ended it. */
  "retry.exhausted": { readonly attempts: number; readonly reason: "attempts" | "time" | "budget" };
  /** A circuit opened: calls are refused for `openFor` milliseconds, or without it until somebody closes it. */
  "circuit.opened": {
    readonly circuit: string;
    readonly from: CircuitState;
    readonly failureRate: number;
    readonly openFor?: number;
    readonly reason: "failures" | "slow-calls" | "probe" | "fleet" | "forced";
  };
  /** A circuit lets probes through. */
  "circuit.half-opened": { readonly circuit: string; readonly from: CircuitState };
  /** A circuit closed after `openFor` milliseconds of not being closed. */
  "circuit.closed": { readonly circuit: string; readonly from: CircuitState; readonly openFor: number };
  /** A circuit refused a call. */
  "circuit.rejected": {
    readonly circuit: string;
    /** Of the circuit. Default `open`. */
    readonly state?: CircuitState;
    readonly retryAfter?: number;
  };
  /** A call went through a circuit after the request that began it had ended. Others are told with their request's end. */
  "circuit.called": {
    readonly circuit: string;
    readonly state: CircuitState;
    readonly result: CircuitCall["result"];
  };
  /** The home of shared state did not answer: the circuit decides by itself until `retryIn` milliseconds have passed. */
  "store.failed": { readonly circuit: string; readonly kind: string; readonly retryIn: number };
  /** This replica holds a lease now, under this fencing token. */
  "lease.acquired": { readonly lease: string; readonly token: number };
  /** It does no longer: given up, not renewed in time, unfit by its own check, or another's. */
  "lease.lost": {
    readonly lease: string;
    readonly token: number;
    readonly reason: "released" | "expired" | "unhealthy" | "taken";
  };
  /** A call got a slot, after `waited` milliseconds in the queue. */
  "bulkhead.acquired": { readonly active: number; readonly limit: number; readonly waited: number };
  /** A call found neither slot nor place in the queue, or waited too long. */
  "bulkhead.rejected": { readonly active: number; readonly limit: number; readonly queued: number };
  /**
   * A call was over a rate limit and may come back after `retryAfter` milliseconds. The rate in force is `limit` calls for each
   * `per` milliseconds, `burst` of them at once; a limiter of one's own may have none.
   */
  "rate-limit.rejected": {
    readonly retryAfter: number;
    readonly limit?: number;
    readonly per?: number;
    readonly burst?: number;
  };
  /** A call over a rate limit waits for its turn. */
  "rate-limit.waited": {
    readonly wait: number;
    readonly limit?: number;
    readonly per?: number;
    readonly burst?: number;
  };
  /** A rate limit let its rate down because the service asked for it, or up again. In calls for each `per`. */
  "rate-limit.changed": {
    readonly limit: number;
    readonly from: number;
    readonly per?: number;
  };
  /** A throttle refused a call, as it does with this probability now. */
  "throttle.rejected": { readonly probability: number };
  /** A further call was started, `after` milliseconds after the one before, which took long or failed. */
  "hedge.started": { readonly hedge: number; readonly after: number };
  /** A hedge, and not the first call, brought the answer. */
  "hedge.won": { readonly hedge: number };
  /** A call joined one that was under way for the same key. */
  "call.coalesced": { readonly waiting: number };
  /** An answer came from the cache: fresh, stale while it is being fetched anew, or stale because that failed. */
  "cache.hit": { readonly freshness: "fresh" | "revalidating" | "stale-if-error" };
  "cache.missed": Readonly<Record<never, never>>;
  /** Chaos was done to a call. */
  "chaos.injected": { readonly chaos: "latency" | "fault" | "outcome" | "behaviour" };
  /** An adaptive limit found another number of calls to allow at a time. */
  "limit.changed": { readonly limit: number; readonly from: number };
  /** No answer came within `after` milliseconds. */
  "timeout.occurred": { readonly after: number };
  /**
   * An attempt that has a span of its own in a trace ended, or with `layer` what went through the policy of that name.
   * `resends` counts the sends of the call before it; `status` is that of a response, `kind` what went wrong without one.
   * Of an attempt by HTTP, its method, and the host and port that it went to.
   */
  "span.ended": {
    readonly parentId?: string;
    readonly sampled: boolean;
    readonly duration: number;
    readonly resends: number;
    readonly layer?: string;
    readonly method?: string;
    readonly host?: string;
    readonly port?: number;
    readonly status?: number;
    readonly kind?: string;
  };
  /** A group found other members than it had. */
  "discovery.changed": { readonly members: number; readonly added: number; readonly removed: number };
  /** Nobody could be found: the members that there were, so many, stay until somebody looks again after `retryIn` milliseconds. */
  "discovery.failed": { readonly kind: string; readonly members: number; readonly retryIn: number };
  /** A member of a group is left out for `outFor` milliseconds, since it failed too often in a row or far more often than others. */
  "member.ejected": {
    readonly member: string;
    readonly outFor: number;
    readonly reason: "failures" | "success-rate";
  };
  /** The health checks of a member failed too often in a row: it is left out until one succeeds. */
  "member.unhealthy": { readonly member: string };
  /** They succeed again, and the member is taken in. */
  "member.healthy": { readonly member: string };
  /** A version of a policy's document is in force here; with `document` that of another one beside it: `weights`, `settings`. */
  "document.applied": { readonly version: number; readonly document?: string };
  /** A version of a policy's document cannot be put in force here, and why not: the one before stays. */
  "document.refused": { readonly version: number; readonly reason: string; readonly document?: string };
  /** The first branch failed and the next one is tried. */
  "fallback.used": { readonly kind: string };
}

export type EventType = keyof EventDetails;

/** An event before the context stamped it. */
export type EventDraft = { [T in EventType]: { readonly type: T } & EventDetails[T] }[EventType];

/** Something that a policy did or saw, discriminated by `type`. Never holds a body, a full URL or a header. */
export type PolicyEvent = EventDraft & EventStamp;

/** Takes events, at once and without throwing. */
export interface EventSink {
  emit(event: PolicyEvent): void;
}

/** A short, low-cardinality name for what went wrong: a rejection's kind, or an error's name. */
export function kindOf(error: unknown): RejectionKind {
  if (typeof error !== "object" || error === null) return typeof error;
  const { kind, name } = error as { kind?: unknown; name?: unknown };
  if (name === "RejectedError" && typeof kind === "string") return kind;
  return typeof name === "string" ? name : "object";
}
