import { createRequire } from "node:module";
import { identity, type PolicyEvent } from "ninelives";
import { otlp } from "ninelives/telemetry";
import { expect, it } from "vitest";

/** What protobufjs makes of a message of a schema. */
interface MessageType {
  fromObject(object: unknown): object;
  toObject(message: object, options: object): Record<string, unknown>;
}

/** The official schema, compiled: OpenTelemetry's own exporters for Node brought it along until 0.214. */
const { opentelemetry } = createRequire(import.meta.url)(
  "@opentelemetry/otlp-transformer/build/src/generated/root.js",
) as { opentelemetry: { proto: { collector: Record<string, { v1: Record<string, MessageType> }> } } };

const types: Readonly<Record<string, MessageType | undefined>> = {
  metrics: opentelemetry.proto.collector.metrics?.v1.ExportMetricsServiceRequest,
  traces: opentelemetry.proto.collector.trace?.v1.ExportTraceServiceRequest,
  logs: opentelemetry.proto.collector.logs?.v1.ExportLogsServiceRequest,
};

const ids = ["traceId", "spanId", "parentSpanId"];

/** The one place where OTLP's JSON differs from protobuf's: ids are hexadecimal there. */
function withIds(value: unknown, convert: (id: string) => string): unknown {
  if (Array.isArray(value)) return value.map((each) => withIds(each, convert));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      ids.includes(name) ? convert(String(each)) : withIds(each, convert),
    ]),
  );
}

function withoutEmpty(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, each) => (Array.isArray(each) && each.length === 0 ? undefined : each)),
  );
}

const at = Date.UTC(2026, 0, 1);
const stamp = { policy: "prices", at };
const traced = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
const events: readonly PolicyEvent[] = [
  {
    ...stamp,
    ...traced,
    type: "request.succeeded",
    duration: 12.5,
    attempts: 2,
    inTime: 1,
    circuits: [{ circuit: "prices", state: "closed", result: "success" }],
  },
  { ...stamp, type: "request.failed", duration: 0, attempts: 1, kind: "timeout" },
  { ...stamp, ...traced, type: "span.ended", sampled: true, duration: 12.5, resends: 1, status: 503 },
  {
    ...stamp,
    ...traced,
    type: "span.ended",
    parentId: "00f067aa0ba902b7",
    sampled: true,
    duration: 3,
    resends: 0,
    kind: "TypeError",
  },
  {
    ...stamp,
    ...traced,
    type: "span.ended",
    sampled: true,
    duration: 20,
    resends: 2,
    method: "PURGE",
    host: "api.example.com",
    port: 443,
    status: 200,
  },
  {
    ...stamp,
    ...traced,
    type: "span.ended",
    parentId: "00f067aa0ba902b7",
    sampled: true,
    duration: 25,
    resends: 0,
    layer: "retry",
    kind: "value",
  },
  { ...stamp, type: "circuit.closed", circuit: "prices", from: "half-open", openFor: 31_000 },
  {
    ...stamp,
    ...traced,
    type: "circuit.opened",
    circuit: "prices",
    from: "closed",
    failureRate: 0.5,
    openFor: 30_000,
    reason: "failures",
  },
];

it.each(["metrics", "traces", "logs"] as const)(
  "%s come back from the official schema as they were sent: no field is unknown or of another type",
  async (signal) => {
    const sent: unknown[] = [];
    const deliver = identity.wrap(
      otlp({
        url: "https://otel.test",
        signals: [signal],
        resource: { "service.name": "shop", replicas: 3, load: 0.5, canary: true },
        fetch: (async (_: string, init: RequestInit) => {
          sent.push(JSON.parse(String(init.body)));
          return new Response("{}");
        }) as typeof fetch,
      }),
    );
    await deliver({ version: 1, source: { id: "abc", kind: "node" }, sentAt: at + 500, dropped: 3, events });
    // What the schema must have seen: spans of attempts and of policies, sums and both kinds of histograms.
    const wanted = {
      metrics: ['"sum":{', '"histogram":{', '"exponentialHistogram":{'],
      traces: ['"kind":1', '"kind":3'],
      logs: [],
    };
    for (const text of wanted[signal]) expect(JSON.stringify(sent[0])).toContain(text);
    const type = types[signal];
    if (type === undefined) throw new Error(`the schema has no ${signal}`);
    const message = type.fromObject(withIds(sent[0], (id) => Buffer.from(id, "hex").toString("base64")));
    // An empty list and a list that is not there are the same message.
    const read = type.toObject(message, { longs: String, bytes: String, enums: Number });
    expect(withIds(read, (id) => Buffer.from(id, "base64").toString("hex"))).toEqual(withoutEmpty(sent[0]));
  },
);
