import type { PolicyEvent } from "../../core/events.ts";
import type { Attributes } from "./wire.ts";

type SpanEnded = Extract<PolicyEvent, { readonly type: "span.ended" }>;

const methods: ReadonlySet<string> = new Set([
  "CONNECT",
  "DELETE",
  "GET",
  "HEAD",
  "OPTIONS",
  "PATCH",
  "POST",
  "PUT",
  "QUERY",
  "TRACE",
]);

/** An attempt's method as the conventions want it: one of few, whoever wrote it. */
export function methodOf({ method }: SpanEnded): string | undefined {
  return method === undefined || methods.has(method) ? method : "_OTHER";
}

/** What went wrong with an attempt, where something did. */
export function errorOf({ kind, status }: SpanEnded): string | undefined {
  return kind ?? (status !== undefined && status >= 400 ? String(status) : undefined);
}

/**
 * What an attempt's span and its metric both say.
 *
 * Source: OpenTelemetry's conventions for HTTP clients 1.44. The full URL, which they want of spans, is never told.
 */
export function httpAttributes(event: SpanEnded): Attributes {
  return {
    "http.request.method": methodOf(event),
    "server.address": event.host,
    "server.port": event.port,
    "http.response.status_code": event.status,
    "error.type": errorOf(event),
  };
}
