import type { PolicyEvent } from "../../core/events.ts";
import { httpAttributes } from "./http-attributes.ts";
import type { Attributes } from "./wire.ts";

interface Kind {
  readonly unit: string;
  readonly description: string;
  readonly bounds: readonly number[];
}

/** Seconds. Source: OpenTelemetry's conventions for `http.client.request.duration`. */
const durations = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

export type HistogramName =
  | "http.client.request.duration"
  | "resilience.retry.attempts"
  | "resilience.circuit_breaker.open_duration";

/** What is counted in buckets with fixed bounds, as Prometheus' families of the same names are. */
export const histograms: Readonly<Record<HistogramName, Kind>> = {
  "http.client.request.duration": {
    unit: "s",
    description: "Duration of HTTP client requests.",
    bounds: durations,
  },
  "resilience.retry.attempts": {
    unit: "{attempt}",
    description: "How often each call went out, hedges included.",
    bounds: [1, 2, 3, 4, 5, 10],
  },
  "resilience.circuit_breaker.open_duration": {
    unit: "s",
    description: "How long circuits were not closed, each time that they closed again.",
    bounds: [1, 5, 10, 30, 60, 120, 300, 600, 1_800],
  },
};

/** What one event adds to a histogram, if anything. */
export function recordOf(event: PolicyEvent): readonly [HistogramName, Attributes, number] | undefined {
  const policy = { "resilience.policy": event.policy };
  switch (event.type) {
    case "request.succeeded":
    case "request.failed":
      if (event.attempts === 0) return undefined;
      return ["resilience.retry.attempts", policy, event.attempts];
    case "circuit.closed":
      return [
        "resilience.circuit_breaker.open_duration",
        { ...policy, "resilience.circuit": event.circuit },
        event.openFor / 1_000,
      ];
    case "span.ended":
      // A policy's own span is no request, and without these the conventions know none.
      if (event.layer !== undefined || event.method === undefined || event.host === undefined)
        return undefined;
      return [
        "http.client.request.duration",
        { ...httpAttributes(event), ...policy },
        event.duration / 1_000,
      ];
    default:
      return undefined;
  }
}
