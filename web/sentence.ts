import type { ObservedEvent } from "ninelives/observer";
import { latency, percent, plural, span } from "./format.ts";

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

/** An event in words, without its time and its source. */
export function sentence(event: ObservedEvent): string {
  switch (event.type) {
    case "request.succeeded":
      return `${event.policy} answered in ${latency(event.duration)}${attempts(event.attempts)}`;
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
        openings[event.reason] ?? `after too many failures (${percent(event.failureRate)} of its window)`;
      return `circuit ${event.circuit} opened ${why}: refuses for ${span(event.openFor)}`;
    }
    case "circuit.half-opened":
      return `circuit ${event.circuit} lets a probe through`;
    case "circuit.closed":
      return `circuit ${event.circuit} closed${event.openFor < 1_000 ? "" : ` after ${span(event.openFor)}`}: calls pass again`;
    case "circuit.rejected":
      return `circuit ${event.circuit} refused a call${event.retryAfter === undefined ? "" : `: next probe in ${span(event.retryAfter)}`}`;
    case "store.failed":
      return `circuit ${event.circuit} lost its shared store and decides alone for ${span(event.retryIn)}`;
    case "bulkhead.acquired":
      return `${event.policy} runs ${event.active} of ${plural(event.limit, "call")} at once`;
    case "bulkhead.rejected":
      return `${event.policy} refused a call: all ${plural(event.limit, "slot")} are taken and ${event.queued} wait`;
    case "timeout.occurred":
      return `${event.policy} got no answer within ${latency(event.after)}`;
    case "fallback.used":
      return `${event.policy} fell back: ${because(event.kind)}`;
    default:
      // A newer observer may tell of what this page has no words for.
      return `${(event as { readonly policy: string }).policy} reported something new`;
  }
}

/** What colour and shape an event gets. */
export function toneOf(event: ObservedEvent): Tone {
  switch (event.type) {
    case "circuit.opened":
    case "request.failed":
    case "retry.exhausted":
      return "bad";
    case "circuit.half-opened":
    case "circuit.rejected":
    case "bulkhead.rejected":
    case "timeout.occurred":
    case "store.failed":
    case "fallback.used":
    case "retry.attempted":
      return "warning";
    case "circuit.closed":
      return "good";
    default:
      return "plain";
  }
}

/** How much an event tells: of `news` there are few, of `routine` many. */
export type Weight = "routine" | "notable" | "news";

/** Kinds of failure that the policy which refused the call tells of itself. */
const refusals = ["circuit-open", "bulkhead-full"];

export function weightOf(event: ObservedEvent): Weight {
  switch (event.type) {
    case "request.succeeded":
    case "bulkhead.acquired":
      return "routine";
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
