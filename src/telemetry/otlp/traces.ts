import type { PolicyEvent } from "../../core/events.ts";
import type { EventBatch } from "../batch-format.ts";
import { errorOf, httpAttributes, methodOf } from "./http-attributes.ts";
import { attributes, type KeyValue, nanoseconds, type Resource, scope } from "./wire.ts";

type SpanEnded = Extract<PolicyEvent, { readonly type: "span.ended" }>;

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly flags: number;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly status: { readonly code?: number };
}

export interface TracesRequest {
  readonly resourceSpans: readonly {
    readonly resource: Resource;
    readonly scopeSpans: readonly { readonly scope: typeof scope; readonly spans: readonly Span[] }[];
  }[];
}

/** SPAN_KIND_CLIENT and SPAN_KIND_INTERNAL, STATUS_CODE_ERROR. */
const client = 3;
const internal = 1;
const failed = 2;
const sampledFlag = 1;

/** The spans of a batch that are sampled, or nothing when there is none. */
export function tracesOf(batch: EventBatch, resource: Resource): TracesRequest | undefined {
  const spans = batch.events.flatMap((event) =>
    event.type === "span.ended" && event.sampled ? spanOf(event) : [],
  );
  if (spans.length === 0) return undefined;
  return { resourceSpans: [{ resource, scopeSpans: [{ scope, spans }] }] };
}

/**
 * A policy's span is internal and has its name. Source of an attempt's: OpenTelemetry's conventions for HTTP client spans, one
 * an attempt, `resend_count` from the first retry on; the policy stands where they have a template of the URL.
 */
function spanOf(event: SpanEnded): Span[] {
  const { traceId, spanId, parentId, at, duration, resends, layer, policy, key } = event;
  if (traceId === undefined || spanId === undefined) return [];
  const error = errorOf(event);
  const method = methodOf(event);
  return [
    {
      traceId,
      spanId,
      ...(parentId !== undefined && { parentSpanId: parentId }),
      flags: sampledFlag,
      name: layer ?? (method === undefined ? policy : `${method === "_OTHER" ? "HTTP" : method} ${policy}`),
      kind: layer === undefined ? client : internal,
      startTimeUnixNano: nanoseconds(at - duration),
      endTimeUnixNano: nanoseconds(at),
      attributes: attributes({
        "resilience.policy": policy,
        "resilience.key": key,
        "resilience.layer": layer,
        ...httpAttributes(event),
        "http.request.method_original": method === "_OTHER" ? event.method : undefined,
        "http.request.resend_count": resends === 0 ? undefined : resends,
      }),
      status: error === undefined ? {} : { code: failed },
    },
  ];
}
