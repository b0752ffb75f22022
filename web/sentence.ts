import type { ObservedEvent } from "ninelives/observer";
import { severityOf } from "ninelives/telemetry";
import { figures, latency, percent, plural, span } from "./format.ts";

/** How an event is to be looked at. */
export type Tone = "good" | "bad" | "warning" | "plain";

const kinds: Readonly<Record<string, string>> = {
  "circuit-open": "its circuit is open",
  "bulkhead-full": "its bulkhead is full",
  "rate-limited": "its rate limit is reached",
  timeout: "no answer came in time",
  value: "the answer was a failure",
  TypeError: "the service could not be reached",
};

const openings: Readonly<Record<string, string>> = {
  "slow-calls": "because too many calls were slow",
  probe: "again because its probe failed",
  fleet: "because its fleet decided so",
};

const endings: Readonly<Record<string, string>> = {
  success: "succeeded",
  failure: "failed",
  ignored: "said nothing of the service",
};

const staleness: Readonly<Record<string, string>> = {
  revalidating: ", with an old one while it fetches anew",
  "stale-if-error": ", with an old one because the service failed",
};

const leaseEnds: Readonly<Record<string, string>> = {
  released: "it gave it up",
  expired: "it was not renewed in time",
  unhealthy: "it found itself unfit",
  taken: "another one has it",
};

const chaos: Readonly<Record<string, string>> = {
  latency: "it was made slow",
  fault: "it was made to fail",
  outcome: "its answer was replaced",
  behaviour: "something was done before it",
};

/** An event in words, without its time and its source. */
export function sentence(event: ObservedEvent): string {
  switch (event.type) {
    case "request.succeeded":
      return `${event.policy} answered in ${latency(event.duration)}${attempts(event.attempts)}${event.degraded ? ", in the place of a service that failed" : ""}`;
    case "request.failed":
      return `${event.policy} failed: ${because(event.kind)}${attempts(event.attempts)}`;
    case "request.aborted":
      return `a caller of ${event.policy} gave up after ${latency(event.duration)}`;
    case "retry.attempted":
      return `${event.policy} tries again in ${latency(event.delay)}: ${because(event.kind)}`;
    case "retry.exhausted":
      return `${event.policy} tried ${plural(event.attempts, "time")} and gave up${event.reason === "time" ? ": no time left" : ""}`;
    case "circuit.opened": {
      if (event.reason === "forced" || event.openFor === undefined)
        return `circuit ${event.circuit} was forced open: refuses until someone closes it`;
      const why =
        openings[event.reason] ??
        `after too many failures, with ${percent(event.failureRate)} of its window failed`;
      return `circuit ${event.circuit} opened ${why}: refuses for ${span(event.openFor)}`;
    }
    case "circuit.half-opened":
      return `circuit ${event.circuit} lets a probe through`;
    case "circuit.closed":
      return `circuit ${event.circuit} closed${event.openFor < 1_000 ? "" : ` after ${span(event.openFor)}`}: calls pass again`;
    case "circuit.called":
      return `a late call through circuit ${event.circuit} ${endings[event.result] ?? "ended"}`;
    case "circuit.rejected":
      return `circuit ${event.circuit} refused a call${event.retryAfter === undefined ? "" : `: next probe in ${span(event.retryAfter)}`}`;
    case "store.failed":
      return `circuit ${event.circuit} lost its shared store and decides alone for ${span(event.retryIn)}`;
    case "bulkhead.acquired":
      return `${event.policy} runs ${event.active} of ${plural(event.limit, "call")} at once`;
    case "bulkhead.rejected":
      return `${event.policy} refused a call: all ${plural(event.limit, "slot")} are taken and ${event.queued} wait`;
    case "rate-limit.rejected":
      return `${event.policy} refused a call over its rate: the next one may come in ${latency(event.retryAfter)}`;
    case "rate-limit.waited":
      return `a call of ${event.policy} waits ${latency(event.wait)} for its turn under the rate limit`;
    case "rate-limit.changed":
      return `${event.policy} lets its rate ${direction(event)} ${figures(event.limit)}, from ${figures(event.from)}`;
    case "throttle.rejected":
      return `${event.policy} refused a call to spare its service, as it does with ${percent(event.probability)} of them now`;
    case "limit.changed":
      return `${event.policy} lets its limit ${direction(event)} ${plural(event.limit, "call")} at once, from ${figures(event.from)}`;
    case "hedge.started":
      return `${event.policy} sent hedge ${event.hedge} after ${latency(event.after)} without an answer`;
    case "hedge.won":
      return `hedge ${event.hedge} of ${event.policy} brought the answer`;
    case "call.coalesced":
      return `${plural(event.waiting, "call")} of ${event.policy} now ${event.waiting === 1 ? "shares" : "share"} the answer of one under way`;
    case "cache.hit":
      return `${event.policy} answered from its cache${staleness[event.freshness] ?? ""}`;
    case "cache.missed":
      return `${event.policy} has no answer in its cache`;
    case "chaos.injected":
      return `chaos hit a call of ${event.policy}: ${chaos[event.chaos] ?? event.chaos}`;
    case "lease.acquired":
      return `${event.policy} got the lease ${event.lease}, as holder number ${event.token}`;
    case "lease.lost":
      return `${event.policy} holds the lease ${event.lease} no more: ${leaseEnds[event.reason] ?? event.reason}`;
    case "span.ended":
      return `${event.policy} sent attempt ${event.resends + 1}, which took ${latency(event.duration)}${spanEnd(event)}`;
    case "timeout.occurred":
      return `${event.policy} got no answer within ${latency(event.after)}`;
    case "fallback.used":
      return `${event.policy} fell back: ${because(event.kind)}`;
    case "discovery.changed":
      return `${event.policy} found ${event.members} members: ${event.added} came, ${event.removed} went`;
    case "discovery.failed":
      return `${event.policy} could not look for members, and keeps the ${event.members} it had: ${because(event.kind)}`;
    case "member.ejected":
      return `${event.policy} leaves ${event.member} out for ${latency(event.outFor)}, ${event.reason === "failures" ? "which kept failing" : "which failed more than the others"}`;
    case "member.unhealthy":
      return `${event.policy} leaves ${event.member} out, whose health checks fail`;
    case "member.healthy":
      return `${event.policy} takes ${event.member} in again, whose health checks succeed`;
    case "document.applied":
      return `${event.policy} goes by version ${event.version} of its ${event.document ?? "document"}`;
    case "document.refused":
      return `${event.policy} refused version ${event.version} of its ${event.document ?? "document"}: ${event.reason}`;
    default: {
      // A newer observer may tell of what this page has no words for, but of nothing else.
      const newer: { readonly policy?: string; readonly type?: string } = event satisfies never;
      return `${newer.policy} told of ${newer.type}, which this page has no words for`;
    }
  }
}

/** What colour and shape an event gets. */
export function toneOf(event: ObservedEvent): Tone {
  if (event.type === "circuit.closed") return "good";
  const severity = severityOf(event);
  if (severity === "error") return "bad";
  return severity === "warn" ? "warning" : "plain";
}

/** How much an event tells: of `news` there are few, of `routine` many. */
export type Weight = "routine" | "notable" | "news";

/** Kinds of failure that the policy which refused the call tells of itself. */
const refusals = ["circuit-open", "bulkhead-full"];

export function weightOf(event: ObservedEvent): Weight {
  switch (event.type) {
    case "request.succeeded":
      return event.degraded ? "notable" : "routine";
    case "bulkhead.acquired":
    case "circuit.called":
    case "rate-limit.waited":
    case "hedge.started":
    case "hedge.won":
    case "call.coalesced":
    case "cache.missed":
    case "span.ended":
      return "routine";
    case "cache.hit":
      return event.freshness === "fresh" ? "routine" : "notable";
    case "request.failed":
      return refusals.includes(event.kind) ? "routine" : "notable";
    case "circuit.opened":
    case "circuit.half-opened":
    case "circuit.closed":
      return "news";
    default:
      return "notable";
  }
}

function because(kind: string): string {
  return kinds[kind] ?? kind;
}

function attempts(made: number): string {
  return made > 1 ? `, at attempt ${made}` : "";
}

function direction({ limit, from }: { readonly limit: number; readonly from: number }): string {
  return limit < from ? "down to" : "up to";
}

function spanEnd({ status, kind }: { readonly status?: number; readonly kind?: string }): string {
  if (kind !== undefined) return `: ${because(kind)}`;
  return status === undefined ? "" : ` and got ${status}`;
}
