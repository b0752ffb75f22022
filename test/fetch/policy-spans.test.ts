import {
  answer,
  circuitBreaker,
  compose,
  constant,
  describe as described,
  environment,
  format,
  identity,
  orElse,
  type Policy,
  retry,
  timeout,
} from "ninelives";
import { type FetchCall, type PolicySpansOptions, policySpans, traceContext } from "ninelives/fetch";
import { otlp } from "ninelives/telemetry";
import { ManualClock, recordingSink, seededRandom } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { fetchStage } from "./fetch-stage.ts";

const url = "https://api.test/prices";
const traceId = "0af7651916cd43dd8448eb211c80319c";
const caller = "b7ad6b7169203331";
const headers = { traceparent: `00-${traceId}-${caller}-01` };
const twice = retry({ attempts: 2, backoff: constant("1s"), jitter: "none" });
const random = () => ({ random: seededRandom(1) });

/** The spans that a sink heard of, by who is whose child: names with the parent's name, in the order of their ends. */
function tree(sink: ReturnType<typeof recordingSink>) {
  const spans = sink.events.flatMap((event) => (event.type === "span.ended" ? [event] : []));
  const nameOf = (id: string | undefined) => {
    const span = spans.find(({ spanId }) => spanId === id);
    return span === undefined ? id : (span.layer ?? "attempt");
  };
  return spans.map((span) => [nameOf(span.spanId), nameOf(span.parentId)]);
}

const spansOf = (policy: Policy<FetchCall, Response>, options?: PolicySpansOptions) =>
  fetchStage(compose(policySpans(policy, options), traceContext()), random());

describe("policySpans", () => {
  it("timeout > retry > fetch: each is the child of the one around it, in the request's own trace", async () => {
    const { clock, sink, fetch, script } = spansOf(compose(timeout("5s"), twice));
    script(503, 200);
    const call = fetch(url, { headers });
    await clock.advance(1_000);
    await call;
    expect(tree(sink)).toEqual([
      ["attempt", "retry"],
      ["attempt", "retry"],
      ["retry", "timeout"],
      ["timeout", caller],
    ]);
    const ended = sink.events.flatMap((event) => (event.type === "span.ended" ? [event] : []));
    expect(new Set(ended.map((event) => event.traceId))).toEqual(new Set([traceId]));
    expect(ended.map(({ duration, kind, status }) => [duration, kind ?? status])).toEqual([
      [0, 503],
      [0, 200],
      [1_000, undefined],
      [1_000, undefined],
    ]);
  });

  it("retry > its spans: all attempts belong to one trace, and not to the attempt before", async () => {
    const { clock, sink, fetch, script } = fetchStage(
      compose(twice, policySpans(timeout("5s")), traceContext()),
      random(),
    );
    script(503, 200);
    const call = fetch(url);
    await clock.advance(1_000);
    await call;
    expect(tree(sink)).toEqual([
      ["attempt", "timeout"],
      ["timeout", undefined],
      ["attempt", "timeout"],
      ["timeout", undefined],
    ]);
    expect(new Set(sink.events.map((event) => event.traceId)).size).toBe(1);
  });

  it("branches are siblings, each with what became of it", async () => {
    const sink = recordingSink();
    const policy = compose(
      environment({ sink, clock: new ManualClock(), ...random() }),
      policySpans(orElse(timeout("1s"), answer("kept"))),
    );
    const trace = { traceId, spanId: caller, sampled: true };
    const failing = () => Promise.reject(new TypeError("down"));
    await expect(policy.execute(failing, { trace })).resolves.toBe("kept");
    expect(tree(sink)).toEqual([
      ["timeout", caller],
      ["answer", caller],
    ]);
    const [first, second] = sink.events.filter(({ type }) => type === "span.ended");
    expect([first, second]).toMatchObject([{ kind: "TypeError" }, { layer: "answer" }]);
    expect(second).not.toHaveProperty("kind");
  });

  it("tells of a failing value", async () => {
    const { sink, fetch, script } = spansOf(timeout("5s"));
    script(503);
    await fetch(url);
    expect(sink.events.at(-2)).toMatchObject({ type: "span.ended", layer: "timeout", kind: "value" });
  });

  it("keeps the policies and their state, and leaves alone what is no step of its own", async () => {
    const sink = recordingSink();
    const circuit = circuitBreaker({ consecutiveFailures: 1, openFor: "5s" });
    const around = environment({ sink, clock: new ManualClock(), ...random() });
    const policy = policySpans(compose(around, circuit));
    await expect(policy.execute(() => Promise.reject(new Error("down")))).rejects.toThrow("down");
    expect(circuit.state).toBe("open");
    expect(tree(sink)).toEqual([["circuitBreaker", undefined]]);
    expect(described(policySpans(around))).toEqual(described(around));
    expect(format(policySpans(twice))).toContain('policySpan("retry") + retry(');
  });

  it("makes none where nobody listens, and tells of none in a trace that is not sampled", async () => {
    const sink = recordingSink();
    const silent = policySpans(timeout("5s"));
    await expect(silent.execute(async (context) => context.trace)).resolves.toBeUndefined();
    const rare = compose(environment({ sink }), policySpans(timeout("5s"), { sampleRate: 0 }));
    const trace = await rare.execute(async (context) => context.trace);
    expect(trace).toMatchObject({ sampled: false });
    expect(sink.events.map(({ type }) => type)).toEqual(["request.succeeded"]);
  });

  it("refuses a rate that is none", () => {
    expect(() => policySpans(timeout("5s"), { sampleRate: 2 })).toThrow("policySpans: sampleRate");
  });

  it("are internal spans of OpenTelemetry", async () => {
    const { sink, fetch, script } = spansOf(timeout("5s"));
    script(200);
    await fetch(url, { headers });
    const bodies: string[] = [];
    const deliver = otlp({
      url: "https://otel.test",
      signals: ["traces"],
      fetch: async (_input, init) => {
        bodies.push(String(init?.body));
        return new Response("{}");
      },
    });
    const source = { id: "abcdef", kind: "node" } as const;
    await identity.wrap(deliver)({ version: 1, source, sentAt: 1, dropped: 0, events: sink.events });
    const { spans } = JSON.parse(bodies[0] as string).resourceSpans[0].scopeSpans[0];
    expect(spans).toMatchObject([
      { name: "GET default", kind: 3, parentSpanId: spans[1].spanId },
      { name: "timeout", kind: 1, traceId, parentSpanId: caller },
    ]);
    expect(spans[1].attributes).toContainEqual({
      key: "resilience.layer",
      value: { stringValue: "timeout" },
    });
  });
});
