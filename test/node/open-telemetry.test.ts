import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Context,
  type ContextManager,
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type TextMapPropagator,
  trace,
} from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { bulkhead, compose, constant, format, hedge, retry } from "ninelives";
import { incomingTrace, openTelemetry } from "ninelives/fetch";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fetchStage } from "../fetch/fetch-stage.ts";

const origins = "https://api.test";
const url = `${origins}/prices?token=secret`;
const thrice = retry({ attempts: 3, backoff: constant("1s"), jitter: "none" });
const exporter = new InMemorySpanExporter();
const storage = new AsyncLocalStorage<Context>();

/** What the package context-async-hooks does. */
const manager: ContextManager = {
  active: () => storage.getStore() ?? ROOT_CONTEXT,
  with: (active, run, self, ...args) => storage.run(active, () => run.apply(self as never, args)),
  bind: (_, target) => target,
  enable: () => manager,
  disable: () => manager,
};

/** What the package core has as W3CTraceContextPropagator. */
const propagator: TextMapPropagator = {
  inject(active, carrier, setter) {
    const span = trace.getSpanContext(active);
    if (span !== undefined)
      setter.set(carrier, "traceparent", `00-${span.traceId}-${span.spanId}-0${span.traceFlags}`);
  },
  extract: (active) => active,
  fields: () => ["traceparent"],
};

const spans = openTelemetry({ api: { trace, context, propagation }, origins });

describe("openTelemetry, with the real API and SDK", () => {
  beforeAll(() => {
    context.setGlobalContextManager(manager);
    propagation.setGlobalPropagator(propagator);
    trace.setGlobalTracerProvider(
      new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
    );
  });

  beforeEach(() => exporter.reset());

  afterAll(() => {
    for (const each of [context, propagation, trace]) each.disable();
  });

  it("makes a span of the call and a client span of each attempt, in the caller's trace", async () => {
    const { clock, received, fetch, script, sink } = fetchStage(compose(spans.call, thrice, spans.attempt));
    script(503, 200);
    const outer = trace.getTracer("test").startSpan("page");
    const call = context.with(trace.setSpan(context.active(), outer), () => fetch(url, { method: "put" }));
    await clock.advance(1_000);
    await call;
    outer.end();
    const [first, second, whole] = exporter.getFinishedSpans();
    const { traceId, spanId } = outer.spanContext();
    expect(whole).toMatchObject({
      name: "PUT",
      kind: SpanKind.INTERNAL,
      parentSpanContext: { traceId, spanId },
    });
    for (const attempt of [first, second]) {
      expect(attempt).toMatchObject({ name: "PUT", kind: SpanKind.CLIENT });
      expect(attempt?.parentSpanContext?.spanId).toBe(whole?.spanContext().spanId);
    }
    const server = { "http.request.method": "PUT", "server.address": "api.test", "server.port": 443 };
    expect(first?.attributes).toEqual({ ...server, "http.response.status_code": 503, "error.type": "503" });
    expect(first?.status.code).toBe(SpanStatusCode.ERROR);
    expect(second?.attributes).toEqual({
      ...server,
      "http.request.resend_count": 1,
      "http.response.status_code": 200,
    });
    expect(second?.status.code).toBe(SpanStatusCode.UNSET);
    expect(received.map(({ headers }) => incomingTrace({ headers })?.spanId)).toEqual(
      [first, second].map((span) => span?.spanContext().spanId),
    );
    expect(sink.of("retry.attempted")).toMatchObject([{ traceId, spanId: first?.spanContext().spanId }]);
    expect(sink.of("request.succeeded")).toMatchObject([{ traceId, spanId: second?.spanContext().spanId }]);
  });

  it("does without the span of the call, in one trace", async () => {
    const { clock, fetch, script } = fetchStage(compose(thrice, spans.attempt));
    script(503, 200);
    const outer = trace.getTracer("test").startSpan("page");
    const call = context.with(trace.setSpan(context.active(), outer), () => fetch(url));
    await clock.advance(1_000);
    await call;
    expect(exporter.getFinishedSpans().map((span) => span.parentSpanContext?.spanId)).toEqual(
      Array(2).fill(outer.spanContext().spanId),
    );
  });

  it("keeps a call that waited in a queue in its own caller's trace", async () => {
    const { clock, received, fetch } = fetchStage(
      compose(spans.call, bulkhead({ limit: 1, queue: 1, maximumWait: "10s" }), spans.attempt),
    );
    const callers = ["one", "two"].map((name) => trace.getTracer("test").startSpan(name));
    const calls = callers.map((span) => context.with(trace.setSpan(ROOT_CONTEXT, span), () => fetch(url)));
    received[0]?.succeed(new Response("ok"));
    await clock.advance(0);
    received[1]?.succeed(new Response("ok"));
    await Promise.all(calls);
    expect(received.map(({ headers }) => incomingTrace({ headers })?.traceId)).toEqual(
      callers.map((span) => span.spanContext().traceId),
    );
  });

  it("tells what went wrong, and that a leg lost is nothing wrong", async () => {
    const { clock, received, fetch } = fetchStage(compose(hedge("100ms"), spans.attempt));
    const call = fetch(url);
    await clock.advance(100);
    received[1]?.fail(new TypeError("Failed to fetch"));
    await clock.advance(0);
    received[0]?.succeed(new Response("ok"));
    await call;
    const other = fetch(url);
    await clock.advance(100);
    received[3]?.succeed(new Response("ok"));
    await other;
    await clock.advance(0);
    const seen = exporter
      .getFinishedSpans()
      .map(({ attributes, status }) => [attributes["error.type"], status.code]);
    expect(seen).toEqual([
      ["TypeError", SpanStatusCode.ERROR],
      [undefined, SpanStatusCode.UNSET],
      [undefined, SpanStatusCode.UNSET],
      ["lost-race", SpanStatusCode.UNSET],
    ]);
  });

  it("never tells a URL, an unknown method, or an origin that is not listed", async () => {
    const { received, fetch, script } = fetchStage(compose(spans.call, spans.attempt));
    script(200, 200, 200);
    await fetch("http://other.test:8080/path?token=secret", { method: "BREW" });
    await fetch("http://other.test/path");
    await fetch("http://[broken");
    expect(received.some(({ headers }) => headers.has("traceparent"))).toBe(false);
    const all = exporter.getFinishedSpans();
    expect(all[0]).toMatchObject({ name: "HTTP" });
    expect(
      all.map(({ attributes }) => [attributes["http.request.method"], attributes["server.port"]]),
    ).toEqual([
      ["_OTHER", 8080],
      ["_OTHER", 8080],
      ["GET", 80],
      ["GET", 80],
      ["GET", undefined],
      ["GET", undefined],
    ]);
    expect(JSON.stringify(all.map(({ name, attributes }) => [name, attributes]))).not.toMatch(/secret|path/);
  });

  it("stamps no events where no SDK is installed", async () => {
    trace.disable();
    try {
      const { fetch, script, sink } = fetchStage(compose(spans.call, spans.attempt));
      script(200);
      expect((await fetch(url)).status).toBe(200);
      expect(sink.of("request.succeeded")[0]).not.toHaveProperty("traceId");
    } finally {
      trace.setGlobalTracerProvider(
        new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
      );
    }
  });

  it("refuses origins that are none, and has no text", () => {
    const api = { trace, context, propagation };
    expect(() => openTelemetry({ api, origins: "api.test" })).toThrow("openTelemetry: origins takes origins");
    expect(() => format(spans.call)).toThrow("openTelemetry.call");
  });
});
