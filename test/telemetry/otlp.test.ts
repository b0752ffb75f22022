import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { environment } from "../../src/core/environment.ts";
import type { PolicyEvent } from "../../src/core/events.ts";
import { compose, identity } from "../../src/core/policy.ts";
import { retry } from "../../src/policies/retry.ts";
import { LatencySketch } from "../../src/state/latency-sketch.ts";
import { DeliveryError, type EventBatch, type OtlpOptions, otlp } from "../../src/telemetry/index.ts";
import { ManualClock } from "../../src/testing/index.ts";

const at = Date.UTC(2026, 0, 1);
const stamp = { policy: "prices", at };
const batchOf = (events: readonly PolicyEvent[], more: Partial<EventBatch> = {}): EventBatch => ({
  version: 1,
  source: { id: "abc", kind: "node" },
  sentAt: at + 500,
  dropped: 0,
  events,
  ...more,
});

interface Point {
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
  readonly asInt?: string;
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
  readonly [more: string]: unknown;
}

/** A collector that keeps what it is sent, and answers as the test says. */
function collector(options: Partial<OtlpOptions> = {}) {
  const sent: { readonly url: string; readonly init: RequestInit; readonly body: Record<string, never> }[] =
    [];
  const answers: (() => Response | Promise<Response>)[] = [];
  const fetch = async (url: string, init: RequestInit) => {
    sent.push({ url, init, body: JSON.parse(String(init.body)) });
    return (answers.shift() ?? (() => new Response("{}")))();
  };
  const service = otlp({ url: "https://otel.test/", fetch: fetch as typeof globalThis.fetch, ...options });
  const bodyOf = (signal: string) => sent.find(({ url }) => url.endsWith(signal))?.body as never;
  const metrics = () => {
    const { resourceMetrics } = bodyOf("metrics") as {
      resourceMetrics: { scopeMetrics: { metrics: Record<string, never>[] }[] }[];
    };
    return resourceMetrics[0]?.scopeMetrics[0]?.metrics ?? [];
  };
  const points = (name: string): Record<string, unknown>[] => {
    const metric = metrics().find((each) => each.name === name) as
      | { sum?: { dataPoints: Point[] }; exponentialHistogram?: { dataPoints: Point[] } }
      | undefined;
    return (metric?.sum ?? metric?.exponentialHistogram)?.dataPoints.map(plain) ?? [];
  };
  return { sent, answers, service, deliver: identity.wrap(service), points, bodyOf, metrics };
}

/** Attributes by name, so that a test can be read. */
function plain({ attributes, ...point }: Point): Record<string, unknown> {
  return { ...point, ...valuesOf(attributes) };
}

function valuesOf(attributes: Point["attributes"]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

const traced = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };

describe("otlp > requests", () => {
  it.each([[undefined], [""], ["otel.example.com"]])("refuses the URL %j by its name", (url) => {
    expect(() => otlp({ url } as never)).toThrow(
      new TypeError(
        `otlp: url must be the URL of a collector, but is ${url === undefined ? url : `"${url}"`}`,
      ),
    );
  });

  it("posts each signal to its path, as JSON, with the headers that it was given", async () => {
    const { sent, deliver } = collector({ headers: { "api-key": "secret" } });
    await deliver(
      batchOf([
        { ...stamp, ...traced, type: "span.ended", sampled: true, duration: 5, resends: 0 },
        { ...stamp, type: "timeout.occurred", after: 5 },
      ]),
    );
    expect(sent.map(({ url }) => url).sort()).toEqual([
      "https://otel.test/v1/logs",
      "https://otel.test/v1/metrics",
      "https://otel.test/v1/traces",
    ]);
    for (const { init } of sent) {
      expect(init.method).toBe("POST");
      expect(init.headers).toEqual({ "content-type": "application/json", "api-key": "secret" });
    }
  });

  it("sends only the signals that were chosen, and none that would be empty", async () => {
    const { sent, deliver } = collector({ signals: ["logs", "traces"] });
    await deliver(batchOf([{ ...stamp, type: "timeout.occurred", after: 5 }]));
    expect(sent.map(({ url }) => url)).toEqual(["https://otel.test/v1/logs"]);
    await deliver(batchOf([]));
    expect(sent).toHaveLength(1);
  });

  it("says what the events come from", async () => {
    const { bodyOf, deliver } = collector({
      resource: { "service.name": "shop", replicas: 3, canary: true, load: 0.5 },
    });
    await deliver(batchOf([{ ...stamp, type: "timeout.occurred", after: 5 }]));
    const [first] = (bodyOf("logs") as { resourceLogs: { resource: { attributes: unknown[] } }[] })
      .resourceLogs;
    expect(first?.resource.attributes).toEqual([
      { key: "service.name", value: { stringValue: "shop" } },
      { key: "service.instance.id", value: { stringValue: "abc" } },
      { key: "resilience.source", value: { stringValue: "node" } },
      { key: "replicas", value: { intValue: "3" } },
      { key: "canary", value: { boolValue: true } },
      { key: "load", value: { doubleValue: 0.5 } },
    ]);
  });

  it.each([
    [{ signals: ["spans"] }, 'otlp: signals must be of metrics, traces, logs, but one is "spans"'],
    [{ endpoint: "x" }, 'otlp has no option "endpoint"'],
    [{ signals: "logs" }, 'otlp: signals must be a list of metrics, traces, logs, but is "logs"'],
    [{ headers: { key: 5 } }, "otlp: headers must be an object of texts"],
    [{ headers: "key" }, "otlp: headers must be an object of texts"],
    [{ resource: "shop" }, 'otlp: resource must be an object of attributes, but is "shop"'],
    [{ onRejected: 1 }, "otlp: onRejected must be a function, but is 1"],
    [{ fetch: {} }, "otlp: fetch must be a function, but is {}"],
  ])("refuses %j", (options, message) => {
    expect(() => otlp({ url: "https://otel.test", ...options } as never)).toThrow(message);
  });
});

describe("otlp > answers", () => {
  const both = batchOf([{ ...stamp, type: "timeout.occurred", after: 5 }]);

  it.each([
    [400, false],
    [429, true],
    [503, true],
  ])("takes %d for a DeliveryError that may pass: %s", async (status, retryable) => {
    const { answers, deliver } = collector();
    answers.push(() => new Response("no", { status, headers: { "retry-after": "7" } }));
    const error = await deliver(both).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DeliveryError);
    expect(error).toMatchObject({ status, retryable, retryAfter: 7_000 });
  });

  it("sends again only what was not taken", async () => {
    const { sent, answers, service } = collector();
    const clock = new ManualClock();
    const deliver = compose(environment({ clock }), retry(3)).wrap(service);
    answers.push(
      () => new Response("later", { status: 503 }),
      () => new Response("{}"),
    );
    const delivered = deliver(both);
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    await clock.advance(1_000);
    await delivered;
    expect(sent.map(({ url }) => url.split("/").at(-1))).toEqual(["metrics", "logs", "metrics"]);
  });

  it("tells of what was not kept, and does not send it again", async () => {
    const rejected: unknown[] = [];
    const { sent, answers, deliver } = collector({
      signals: ["logs"],
      onRejected: (...told) => rejected.push(told),
    });
    const partial = { partialSuccess: { rejectedLogRecords: "3", errorMessage: "too old" } };
    answers.push(() => new Response(JSON.stringify(partial)));
    await deliver(both);
    expect(rejected).toEqual([["logs", 3, "too old"]]);
    expect(sent).toHaveLength(1);
  });

  it.each(["", "ok", "null", "{}", '{"partialSuccess":null}', '{"partialSuccess":{}}'])(
    "takes the answer %j for all that it needs",
    async (text) => {
      const rejected: unknown[] = [];
      const { answers, deliver } = collector({
        signals: ["logs"],
        onRejected: (...told) => rejected.push(told),
      });
      answers.push(() => new Response(text));
      await deliver(both);
      expect(rejected).toEqual([]);
    },
  );
});

describe("otlp > metrics", () => {
  it("count what calls came to", async () => {
    const { points, deliver } = collector();
    const call = { ...stamp, duration: 20, attempts: 2, inTime: 2 };
    const circuits = [
      { circuit: "c", state: "closed", result: "failure" },
      { circuit: "c", state: "closed", result: "success" },
    ] as const;
    await deliver(
      batchOf(
        [
          { ...call, type: "request.succeeded", circuits },
          { ...call, type: "request.succeeded", circuits },
          { ...call, type: "request.succeeded", inTime: 0, degraded: true },
          { ...call, type: "request.failed", kind: "timeout" },
          { ...call, type: "request.aborted" },
          { ...stamp, type: "retry.attempted", attempt: 1, delay: 5, kind: "TypeError" },
          { ...stamp, type: "timeout.occurred", after: 5 },
          { ...stamp, type: "circuit.rejected", circuit: "c" },
          { ...stamp, type: "bulkhead.rejected", active: 1, limit: 1, queued: 0 },
          { ...stamp, type: "rate-limit.rejected", retryAfter: 1 },
          { ...stamp, type: "throttle.rejected", probability: 1 },
          {
            ...stamp,
            type: "circuit.opened",
            circuit: "c",
            from: "closed",
            failureRate: 1,
            openFor: 1,
            reason: "failures",
          },
          { ...stamp, type: "circuit.half-opened", circuit: "c", from: "open" },
          { ...stamp, type: "circuit.closed", circuit: "c", from: "half-open", openFor: 1 },
          { ...stamp, type: "fallback.used", kind: "timeout" },
          { ...stamp, type: "hedge.started", hedge: 1, after: 5 },
          { ...stamp, type: "hedge.won", hedge: 1 },
        ],
        { dropped: 4 },
      ),
    );
    const counted = (name: string) =>
      points(name).map(
        ({ startTimeUnixNano: _, timeUnixNano: __, "resilience.policy": ___, ...rest }) => rest,
      );
    expect(counted("resilience.requests")).toEqual([
      { "resilience.result": "succeeded", asInt: "2" },
      { "resilience.result": "degraded", asInt: "1" },
      { "resilience.result": "failed", "error.type": "timeout", asInt: "1" },
      { "resilience.result": "aborted", asInt: "1" },
    ]);
    expect(counted("resilience.circuit_breaker.calls")).toEqual([
      { "resilience.circuit": "c", "resilience.state": "closed", "resilience.result": "failure", asInt: "2" },
      { "resilience.circuit": "c", "resilience.state": "closed", "resilience.result": "success", asInt: "2" },
      { "resilience.circuit": "c", "resilience.state": "open", "resilience.result": "rejected", asInt: "1" },
    ]);
    expect(counted("resilience.timeout.operations")).toEqual([
      { "resilience.result": "success", asInt: "8" },
      { "resilience.result": "timeout", asInt: "1" },
    ]);
    expect(counted("resilience.rejections").map((each) => each["resilience.kind"])).toEqual([
      "circuit_breaker",
      "bulkhead",
      "rate_limit",
      "throttle",
    ]);
    expect(
      counted("resilience.circuit_breaker.state_transitions").map((each) => each["resilience.state"]),
    ).toEqual(["open", "half-open", "closed"]);
    expect(counted("resilience.retries")).toEqual([{ "error.type": "TypeError", asInt: "1" }]);
    expect(counted("resilience.fallbacks")).toEqual([{ "error.type": "timeout", asInt: "1" }]);
    expect(counted("resilience.hedges").map((each) => each["resilience.result"])).toEqual(["started", "won"]);
    expect(counted("resilience.events.dropped")).toEqual([{ asInt: "4" }]);
  });

  it("count an event of a sample as often as it stands for", async () => {
    const { deliver, points, metrics } = collector({ signals: ["metrics"] });
    const calls = [{ circuit: "c", state: "closed", result: "success" }] as const;
    const call = {
      ...stamp,
      type: "request.succeeded",
      duration: 5,
      attempts: 2,
      inTime: 1,
      circuits: calls,
    } as const;
    await deliver(batchOf([{ ...call, weight: 10 }, call]));
    for (const name of ["requests", "circuit_breaker.calls", "timeout.operations"])
      expect(points(`resilience.${name}`)).toMatchObject([{ asInt: "11" }]);
    expect(points("resilience.request.duration")).toMatchObject([
      { count: "11", sum: expect.closeTo(0.055) },
    ]);
    const attempts = metrics().find(({ name }) => name === "resilience.retry.attempts");
    expect(attempts).toMatchObject({ histogram: { dataPoints: [{ count: "11", sum: 22 }] } });
  });

  it("are deltas: each batch counts from where the one before it ended", async () => {
    const { sent, deliver } = collector({ signals: ["metrics"] });
    const event = { ...stamp, type: "timeout.occurred", after: 5 } as const;
    await deliver(batchOf([{ ...event, at: at + 100 }, event]));
    await deliver(batchOf([event], { sentAt: at + 2_000 }));
    await deliver(batchOf([event], { sentAt: at + 2_000, source: { id: "other", kind: "page" } }));
    const spans = sent.map(({ body }) => {
      const { resourceMetrics } = body as never as {
        resourceMetrics: {
          scopeMetrics: { metrics: { sum: { aggregationTemporality: number; dataPoints: Point[] } }[] }[];
        }[];
      };
      const sum = resourceMetrics[0]?.scopeMetrics[0]?.metrics[0]?.sum;
      expect(sum?.aggregationTemporality).toBe(1);
      return [sum?.dataPoints[0]?.startTimeUnixNano, sum?.dataPoints[0]?.timeUnixNano];
    });
    expect(spans).toEqual([
      [`${at}000000`, `${at + 500}000000`],
      [`${at + 500}000000`, `${at + 2_000}000000`],
      [`${at}000000`, `${at + 2_000}000000`],
    ]);
  });

  it("begin where they began at a batch's first try, and never after they end", async () => {
    const { sent, answers, service } = collector({ signals: ["metrics"] });
    const clock = new ManualClock();
    const deliver = compose(environment({ clock }), retry(2)).wrap(service);
    const event = { ...stamp, type: "timeout.occurred", after: 5 } as const;
    answers.push(() => new Response("later", { status: 503 }));
    const late = deliver(batchOf([event]));
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    await deliver(batchOf([event], { sentAt: at + 2_000 }));
    await clock.advance(1_000);
    await late;
    // A clock that was put back.
    await deliver(batchOf([event], { sentAt: at + 1_000 }));
    await deliver(batchOf([event], { sentAt: at + 3_000 }));
    const spans = sent.map(({ body }) => {
      const text = JSON.stringify(body);
      return [/"startTimeUnixNano":"(\d+)"/, /"timeUnixNano":"(\d+)"/].map(
        (pattern) => Number(pattern.exec(text)?.[1]) / 1e6 - at,
      );
    });
    expect(spans).toEqual([
      [0, 500],
      [500, 2_000],
      [0, 500],
      [1_000, 1_000],
      [2_000, 3_000],
    ]);
  });

  it("are numbers that the protocol has, however odd the events", async () => {
    const { sent, deliver, points } = collector({ signals: ["metrics", "traces"] });
    const call = { ...stamp, type: "request.succeeded", attempts: 1 } as const;
    const odd = [1e-300, 1e308, 0, 5].map((duration) => ({ ...call, duration, inTime: 1e300 }));
    const span = {
      ...stamp,
      ...traced,
      type: "span.ended",
      sampled: true,
      duration: 2 * at,
      resends: 0,
    } as const;
    await deliver(batchOf([...odd, { ...call, duration: 5, inTime: 0.5 }, span]));
    const [metrics, traces] = ["metrics", "traces"].map((signal) =>
      JSON.stringify(sent.find(({ url }) => url.endsWith(signal))?.body),
    );
    expect(metrics?.length).toBeLessThan(10_000);
    for (const [, integer] of `${metrics}${traces}`.matchAll(/"(?:asInt|\w+UnixNano)":"([^"]*)"/g))
      expect(integer).toMatch(/^(0|[1-9]\d{0,18})$/);
    expect(points("resilience.request.duration")).toMatchObject([
      { count: "5", zeroCount: "1", min: 0, max: 3_600, sum: expect.closeTo(3_600.01) },
    ]);
  });

  it("put durations in seconds into exponential buckets that hold every call, as the observer's sketch would", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.double({ min: 0.02, max: 100_000, noNaN: true }), { minLength: 1 }),
        async (durations) => {
          const { points, deliver } = collector({ signals: ["metrics"] });
          await deliver(
            batchOf(
              durations.map((duration) => ({ ...stamp, type: "request.succeeded", duration, attempts: 1 })),
            ),
          );
          const [point] = points("resilience.request.duration") as {
            count: string;
            scale: number;
            zeroCount: string;
            positive: { offset: number; bucketCounts: string[] };
          }[];
          if (point === undefined) throw new Error("no durations");
          const { count, scale, zeroCount, positive } = point;
          expect([Number(count), scale, zeroCount]).toEqual([durations.length, 5, "0"]);
          expect(positive.bucketCounts.reduce((sum, each) => sum + Number(each), 0)).toBe(durations.length);
          // The median of the buckets is within their width of the sketch's.
          const sketch = new LatencySketch();
          for (const duration of durations) sketch.record(duration);
          let left = Math.max(1, Math.ceil(durations.length / 2));
          const bucket = positive.bucketCounts.findIndex((each) => {
            left -= Number(each);
            return left <= 0;
          });
          const upper = 2 ** ((positive.offset + bucket + 1) / 32) * 1_000;
          expect(Math.abs(Math.log2(upper / (sketch.quantile(0.5) as number)))).toBeLessThan(2 / 32);
        },
      ),
    );
  });

  it("count a call that took no time, and leave out one that never went out", async () => {
    const { points, deliver } = collector({ signals: ["metrics"] });
    await deliver(
      batchOf([
        { ...stamp, type: "request.succeeded", duration: 0, attempts: 1 },
        { ...stamp, type: "request.failed", duration: 5, attempts: 0, kind: "circuit-open" },
      ]),
    );
    expect(points("resilience.request.duration")).toEqual([
      expect.objectContaining({
        count: "1",
        zeroCount: "1",
        min: 0,
        max: 0,
        positive: { offset: 0, bucketCounts: [] },
      }),
    ]);
  });
});

describe("otlp > traces", () => {
  const span = {
    ...stamp,
    ...traced,
    type: "span.ended",
    sampled: true,
    duration: 12.5,
    resends: 0,
  } as const;
  const spansOf = (body: unknown) =>
    (
      body as { resourceSpans: { scopeSpans: { spans: Point[] }[] }[] }
    ).resourceSpans[0]?.scopeSpans[0]?.spans.map(plain);

  it("are the attempts that are sampled, with what HTTP's conventions ask for", async () => {
    const { bodyOf, deliver } = collector({ signals: ["traces"] });
    await deliver(
      batchOf([
        { ...span, parentId: "00f067aa0ba902b7", status: 503 },
        { ...span, spanId: "1234567890abcdef", resends: 1, status: 200 },
        { ...span, spanId: "234567890abcdef1", resends: 2, kind: "timeout" },
        { ...span, sampled: false },
        { ...stamp, type: "span.ended", sampled: true, duration: 1, resends: 0 },
      ]),
    );
    const common = { ...traced, flags: 1, name: "prices", kind: 3, "resilience.policy": "prices" };
    const times = { startTimeUnixNano: `${at - 13}500000`, endTimeUnixNano: `${at}000000` };
    expect(spansOf(bodyOf("traces"))).toEqual([
      {
        ...common,
        ...times,
        parentSpanId: "00f067aa0ba902b7",
        "http.response.status_code": "503",
        "error.type": "503",
        status: { code: 2 },
      },
      {
        ...common,
        ...times,
        spanId: "1234567890abcdef",
        "http.response.status_code": "200",
        "http.request.resend_count": "1",
        status: {},
      },
      {
        ...common,
        ...times,
        spanId: "234567890abcdef1",
        "http.request.resend_count": "2",
        "error.type": "timeout",
        status: { code: 2 },
      },
    ]);
  });
});

describe("otlp > attempts by HTTP", () => {
  const attempt = {
    ...stamp,
    ...traced,
    type: "span.ended",
    sampled: true,
    duration: 30,
    resends: 0,
    method: "GET",
    host: "api.test",
    port: 8443,
  } as const;

  it("are spans with the method, and the address and port that they went to", async () => {
    const { bodyOf, deliver } = collector({ signals: ["traces"] });
    await deliver(
      batchOf([
        { ...attempt, status: 200 },
        { ...attempt, method: "PURGE", kind: "TypeError" },
      ]),
    );
    const body = bodyOf("traces") as { resourceSpans: { scopeSpans: { spans: Point[] }[] }[] };
    const spans = body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((each) => each.spans));
    const where = { "server.address": "api.test", "server.port": "8443", kind: 3 };
    expect(spans.map(plain)).toMatchObject([
      { ...where, name: "GET prices", "http.request.method": "GET", "http.response.status_code": "200" },
      {
        ...where,
        name: "HTTP prices",
        "http.request.method": "_OTHER",
        "http.request.method_original": "PURGE",
        "error.type": "TypeError",
      },
    ]);
  });

  it("are counted in http.client.request.duration, sampled or not, and policies' own spans are not", async () => {
    const { bodyOf, deliver } = collector({ signals: ["metrics"] });
    await deliver(
      batchOf([
        { ...attempt, status: 200 },
        { ...attempt, sampled: false, duration: 7_000, status: 200 },
        { ...attempt, duration: 20_000, status: 503 },
        { ...attempt, layer: "retry" },
      ]),
    );
    interface Found {
      readonly name: string;
      readonly unit: string;
      readonly histogram: { readonly aggregationTemporality: number; readonly dataPoints: Point[] };
    }
    const body = bodyOf("metrics") as { resourceMetrics: { scopeMetrics: { metrics: Found[] }[] }[] };
    const metrics = body.resourceMetrics.flatMap(({ scopeMetrics }) =>
      scopeMetrics.flatMap((each) => each.metrics),
    );
    const found = metrics.find(({ name }) => name === "http.client.request.duration") as Found;
    expect([found.unit, found.histogram.aggregationTemporality]).toEqual(["s", 1]);
    const bounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
    const held = (...buckets: number[]) =>
      Array.from({ length: 15 }, (_, bucket) => String(buckets.filter((each) => each === bucket).length));
    expect(found.histogram.dataPoints.map(plain)).toMatchObject([
      {
        "http.request.method": "GET",
        "server.address": "api.test",
        "server.port": "8443",
        "http.response.status_code": "200",
        count: "2",
        sum: 7.03,
        explicitBounds: bounds,
        bucketCounts: held(3, 12),
      },
      { "http.response.status_code": "503", "error.type": "503", count: "1", bucketCounts: held(14) },
    ]);
  });

  it("and what calls and circuits came to are histograms of Prometheus' names", async () => {
    const { bodyOf, deliver } = collector({ signals: ["metrics"] });
    await deliver(
      batchOf([
        { ...stamp, type: "request.succeeded", duration: 5, attempts: 3 },
        { ...stamp, type: "request.failed", duration: 5, attempts: 0, kind: "circuit-open" },
        { ...stamp, type: "circuit.closed", circuit: "db", from: "half-open", openFor: 31_000 },
      ]),
    );
    const text = JSON.stringify(bodyOf("metrics"));
    expect(text).toContain('"name":"resilience.retry.attempts"');
    expect(text).toContain('"count":"1","sum":3,"bucketCounts":["0","0","1","0","0","0","0"]');
    expect(text).toContain('"name":"resilience.circuit_breaker.open_duration"');
    expect(text).toContain('"count":"1","sum":31,"bucketCounts":["0","0","0","0","1","0","0","0","0","0"]');
  });
});

describe("otlp > logs", () => {
  it("tell of what is worth a record, with its severity and its trace", async () => {
    const { bodyOf, deliver } = collector({ signals: ["logs"] });
    await deliver(
      batchOf([
        { ...stamp, type: "request.succeeded", duration: 5, attempts: 1 },
        { ...stamp, type: "bulkhead.acquired", active: 1, limit: 2, waited: 0 },
        {
          ...stamp,
          ...traced,
          key: "https://api.test",
          type: "circuit.opened",
          circuit: "c",
          from: "closed",
          failureRate: 0.5,
          openFor: 30_000,
          reason: "failures",
        },
        {
          ...stamp,
          type: "request.failed",
          duration: 5,
          attempts: 1,
          kind: "value",
          circuits: [{ circuit: "c", state: "closed", result: "failure" }],
        },
      ]),
    );
    const body = bodyOf("logs") as {
      resourceLogs: { scopeLogs: { scope: unknown; logRecords: (Point & { body: unknown })[] }[] }[];
    };
    const [scoped] = body.resourceLogs[0]?.scopeLogs ?? [];
    expect(scoped?.scope).toEqual({ name: "ninelives" });
    expect(scoped?.logRecords.map(plain)).toEqual([
      {
        ...traced,
        timeUnixNano: `${at}000000`,
        observedTimeUnixNano: `${at + 500}000000`,
        severityNumber: 17,
        severityText: "ERROR",
        eventName: "resilience.circuit.opened",
        body: { stringValue: "circuit.opened in prices" },
        "resilience.policy": "prices",
        "resilience.key": "https://api.test",
        "resilience.circuit": "c",
        "resilience.from": "closed",
        "resilience.failure_rate": 0.5,
        "resilience.open_for": "30000",
        "resilience.reason": "failures",
      },
      expect.objectContaining({
        severityNumber: 13,
        eventName: "resilience.request.failed",
        "resilience.kind": "value",
        "resilience.attempts": "1",
      }),
    ]);
    expect(JSON.stringify(scoped?.logRecords)).not.toContain("resilience.circuits");
  });
});
