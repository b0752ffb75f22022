import type { EventType, PolicyEvent } from "../../core/events.ts";
import type { EventBatch } from "../batch-format.ts";
import { type Severity, severityOf } from "../severity.ts";
import { type Attributes, attributes, type KeyValue, nanoseconds, type Resource, scope } from "./wire.ts";

/** Told by metrics and spans: one record for each call would be the most expensive way to count calls. */
const countedElsewhere: ReadonlySet<EventType> = new Set<EventType>([
  "request.succeeded",
  "request.aborted",
  "circuit.called",
  "bulkhead.acquired",
  "cache.hit",
  "cache.missed",
  "call.coalesced",
  "span.ended",
]);

/** Source: OpenTelemetry's log data model, SeverityNumber. */
const severityNumbers: Readonly<Record<Severity, number>> = { debug: 5, info: 9, warn: 13, error: 17 };

interface LogRecord {
  readonly timeUnixNano: string;
  readonly observedTimeUnixNano: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly eventName: string;
  readonly body: { readonly stringValue: string };
  readonly attributes: readonly KeyValue[];
  readonly traceId?: string;
  readonly spanId?: string;
}

export interface LogsRequest {
  readonly resourceLogs: readonly {
    readonly resource: Resource;
    readonly scopeLogs: readonly {
      readonly scope: typeof scope;
      readonly logRecords: readonly LogRecord[];
    }[];
  }[];
}

/** The events of a batch as log records, or nothing when none is worth one. */
export function logsOf(batch: EventBatch, resource: Resource): LogsRequest | undefined {
  const told = batch.events.filter(({ type }) => !countedElsewhere.has(type));
  if (told.length === 0) return undefined;
  const logRecords = told.map((event) => recordOf(event, batch.sentAt));
  return { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords }] }] };
}

function recordOf(event: PolicyEvent, sentAt: number): LogRecord {
  const { type, at, policy, key, traceId, spanId, ...details } = event;
  const severity = severityOf(event);
  const own = Object.entries(details).filter(([, value]) => typeof value !== "object");
  return {
    timeUnixNano: nanoseconds(at),
    observedTimeUnixNano: nanoseconds(sentAt),
    severityNumber: severityNumbers[severity],
    severityText: severity.toUpperCase(),
    eventName: `resilience.${type}`,
    body: { stringValue: `${type} in ${policy}` },
    attributes: attributes({
      "resilience.policy": policy,
      "resilience.key": key,
      ...(Object.fromEntries(own.map(([name, value]) => [`resilience.${snake(name)}`, value])) as Attributes),
    }),
    ...(traceId !== undefined && { traceId }),
    ...(spanId !== undefined && { spanId }),
  };
}

/** Attributes are written in snake case. */
function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
