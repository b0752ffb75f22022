import fc from "fast-check";
import { compose, constant, definePolicy, format, hedge, parse, retry, type Trace } from "ninelives";
import { incomingTrace, type TraceContextOptions, traceContext } from "ninelives/fetch";
import { seededRandom } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { fetchStage } from "./fetch-stage.ts";

const origins = "https://api.test";
const url = `${origins}/prices`;
const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const incoming = `00-${traceId}-${spanId}-01`;
const form = /^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[0-3])$/;

/** Any UTF-16 unit; the strings of fast-check that hold as much take seconds to make. */
const character = fc.nat(0xffff).map((code) => String.fromCharCode(code));
const thrice = retry({ attempts: 3, backoff: constant("1s"), jitter: "none" });
const traced = (options: TraceContextOptions = {}, policy = thrice) =>
  fetchStage(compose(policy, traceContext({ origins, ...options })), { random: seededRandom(1) });
const parts = (headers: Headers | undefined) => form.exec(headers?.get("traceparent") ?? "")?.slice(1) ?? [];

describe("traceContext", () => {
  it("starts a trace: one id for the call, a span of its own for each attempt", async () => {
    const { clock, received, fetch, script } = traced();
    script(503, 503, 200);
    const call = fetch(url);
    await clock.advance(2_000);
    await call;
    const seen = received.map(({ headers }) => parts(headers));
    expect(new Set(seen.map(([id]) => id)).size).toBe(1);
    expect(new Set(seen.map(([, span]) => span)).size).toBe(3);
    expect(seen.map(([, , flags]) => flags)).toEqual(["01", "01", "01"]);
    expect(received[0]?.headers.has("tracestate")).toBe(false);
    script(200);
    await fetch(url);
    expect(parts(received.at(-1)?.headers)[0]).not.toBe(seen[0]?.[0]);
  });

  it("continues the trace that the request names, with its tracestate, at every attempt", async () => {
    const { clock, received, fetch, script } = traced();
    script(503, 200);
    const call = fetch(url, { headers: { traceparent: incoming, tracestate: "vendor=1, other=2" } });
    await clock.advance(1_000);
    await call;
    for (const { headers } of received) {
      const [id, span, flags] = parts(headers);
      expect([id, flags, headers.get("tracestate")]).toEqual([traceId, "01", "vendor=1, other=2"]);
      expect(span).not.toBe(spanId);
    }
    expect(parts(received[0]?.headers)[1]).not.toBe(parts(received[1]?.headers)[1]);
  });

  it("continues the trace of the call, and that of the call which it is a part of", async () => {
    const { received, fetch, script } = traced();
    const trace: Trace = { traceId, spanId, sampled: false, state: "a=b" };
    script(200, 200);
    await fetch(url, { resilience: { trace } });
    expect(parts(received[0]?.headers)).toEqual([traceId, expect.any(String), "00"]);
    expect(received[0]?.headers.get("tracestate")).toBe("a=b");
    const outer = definePolicy("outer", (next) => async (request, context) => {
      await fetch(url, { resilience: { context } });
      return next(request, context);
    });
    await outer.execute(async () => "done", { trace });
    expect(parts(received[1]?.headers)[0]).toBe(traceId);
  });

  it("takes the request's own trace before the call's", async () => {
    const { received, fetch, script } = traced();
    script(200);
    const trace = { traceId: "f".repeat(32), spanId, sampled: true };
    await fetch(new Request(url, { headers: { traceparent: incoming } }), { resilience: { trace } });
    expect(parts(received[0]?.headers)[0]).toBe(traceId);
  });

  it("starts anew where the request names none that is valid, and drops its tracestate", async () => {
    const { received, fetch, script } = traced();
    script(200);
    await fetch(url, { headers: { traceparent: `00-${traceId}-${spanId}`, tracestate: "a=b" } });
    expect(parts(received[0]?.headers)[0]).not.toBe(traceId);
    expect(received[0]?.headers.has("tracestate")).toBe(false);
  });

  it.each([
    ["listed", url, true],
    ["another", "https://other.test/", false],
    ["another port", "https://api.test:8443/", false],
  ])("tells an origin that is %s, or does not", async (_, target, told) => {
    const { received, fetch, script, sink } = traced();
    script(200);
    await fetch(target);
    expect(received[0]?.headers.has("traceparent")).toBe(told);
    // Its own events belong to a trace all the same.
    expect(sink.of("request.succeeded")[0]?.traceId).toMatch(/^[0-9a-f]{32}$/);
  });

  it("leaves alone what the caller told an origin that is not listed", async () => {
    const { received, fetch, script } = traced();
    script(200);
    await fetch("https://other.test/", { headers: { traceparent: incoming } });
    expect(received[0]?.headers.get("traceparent")).toBe(incoming);
  });

  it("marks a share of the traces that begin here as sampled, and keeps the mark of others", async () => {
    const { received, fetch, script } = traced({ sampleRate: 0.25 });
    for (let call = 0; call < 400; call++) {
      script(200);
      await fetch(url);
    }
    const sampled = received.filter(({ headers }) => parts(headers)[2] === "01").length;
    expect(sampled).toBeGreaterThan(60);
    expect(sampled).toBeLessThan(140);
    script(200);
    await fetch(url, { headers: { traceparent: incoming } });
    expect(parts(received.at(-1)?.headers)[2]).toBe("01");
  });

  it("makes ids that are never zeros alone, whatever chance brings", async () => {
    const { received, fetch, script } = fetchStage(traceContext({ origins }), { random: () => 0 });
    script(200);
    await fetch(url);
    expect(received[0]?.headers.get("traceparent")).toBe(`00-${"0".repeat(31)}1-${"0".repeat(15)}1-01`);
  });

  it("stamps events with the trace and the span, and tells of each attempt", async () => {
    const { clock, received, fetch, script, sink } = traced();
    script(503, 200);
    const call = fetch(url, { headers: { traceparent: incoming } });
    await clock.advance(1_000);
    await call;
    const spans = received.map(({ headers }) => parts(headers)[1]);
    expect(sink.events.map(({ type, traceId: id, spanId: span }) => [type, id, span])).toEqual([
      ["span.ended", traceId, spans[0]],
      ["retry.attempted", traceId, spans[0]],
      ["span.ended", traceId, spans[1]],
      ["request.succeeded", traceId, spans[1]],
    ]);
    const key = "https://api.test";
    const where = { method: "GET", host: "api.test", port: 443, key };
    expect(sink.of("span.ended")).toMatchObject([
      { parentId: spanId, sampled: true, resends: 0, status: 503, ...where },
      { parentId: spanId, sampled: true, resends: 1, status: 200, ...where },
    ]);
  });

  it.each([
    ["http://api.test/a?b", "post", { method: "POST", host: "api.test", port: 80 }],
    ["https://api.test:8443/", "GET", { method: "GET", host: "api.test", port: 8443 }],
    ["http://[::1]:1/", "DELETE", { method: "DELETE", host: "[::1]", port: 1 }],
  ])("says where the attempt to %s went, and never its path", async (input, method, where) => {
    const { fetch, script, sink } = traced();
    script(200);
    await fetch(input, { method });
    const [ended] = sink.of("span.ended");
    expect(ended).toMatchObject(where);
    expect(JSON.stringify(ended)).not.toMatch(/\?b|"\//);
  });

  it("hedge > traceContext: each call has its span, and the one that lost says so under it", async () => {
    const { clock, received, fetch, sink } = traced({}, hedge("100ms"));
    const call = fetch(url);
    await clock.advance(100);
    received[1]?.succeed(new Response("ok"));
    await call;
    await clock.advance(0);
    const spans = received.map(({ headers }) => parts(headers)[1]);
    expect(new Set(spans).size).toBe(2);
    expect(
      sink
        .of("span.ended")
        .map(({ spanId: span, status, kind, resends, duration }) => [
          span,
          status ?? kind,
          resends,
          duration,
        ]),
    ).toEqual([
      [spans[1], 200, 1, 0],
      [spans[0], "lost-race", 0, 100],
    ]);
    expect(sink.of("span.ended")[0]).not.toHaveProperty("parentId");
  });

  it("makes no event where nobody listens", async () => {
    const { fetch, script, received } = fetchStage(traceContext({ origins }), { sink: undefined as never });
    script(200);
    expect((await fetch(url)).status).toBe(200);
    expect(parts(received[0]?.headers)).toHaveLength(3);
  });

  it("has a text", () => {
    const text = 'retry(3) + traceContext(origins: "https://api.test", sampleRate: 0.1)';
    expect(format(parse(text, { traceContext }))).toBe(text);
    expect(format(traceContext({ origins, sampleRate: 0.1 }))).toBe(text.slice("retry(3) + ".length));
  });

  it.each<[object, string]>([
    [{ origins: "api.test" }, "traceContext: origins takes origins"],
    [{ sampleRate: 2 }, "traceContext: sampleRate must be a number from 0 to 1, but is 2"],
    [{ rate: 1 }, 'traceContext has no option "rate"'],
  ])("refuses %j", (options, message) => {
    expect(() => traceContext(options)).toThrow(message);
  });
});

describe("incomingTrace", () => {
  const read = (traceparent: string, tracestate?: string) =>
    incomingTrace({ headers: new Headers({ traceparent, ...(tracestate !== undefined && { tracestate }) }) });

  it.each([
    [incoming, true, false],
    [`00-${traceId}-${spanId}-00`, false, false],
    [`00-${traceId}-${spanId}-03`, true, true],
    [`00-${traceId}-${spanId}-ff`, true, true],
    [`cc-${traceId}-${spanId}-01`, true, false],
    [`cc-${traceId}-${spanId}-01-what-the-future-will-bring`, true, false],
  ])("reads %s", (text, sampled, random) => {
    expect(read(text)).toEqual({ traceId, spanId, sampled, random, state: undefined });
  });

  it("reads the vendors' state as it is", () => {
    expect(read(incoming, "a=1,b=2")?.state).toBe("a=1,b=2");
  });

  it.each([
    ["", ""],
    ["upper case", `00-${traceId.toUpperCase()}-${spanId}-01`],
    ["a trace of zeros", `00-${"0".repeat(32)}-${spanId}-01`],
    ["a span of zeros", `00-${traceId}-${"0".repeat(16)}-01`],
    ["the version ff", `ff-${traceId}-${spanId}-01`],
    ["more than version 00 has", `${incoming}-01`],
    ["a later version that runs on", `cc-${traceId}-${spanId}-011`],
    ["two of them", `${incoming}, ${incoming}`],
    ["too few digits", `00-${traceId.slice(1)}-${spanId}-01`],
    ["no flags", `00-${traceId}-${spanId}`],
    ["other letters", `00-${traceId.replace("a", "g")}-${spanId}-01`],
    ["one-digit flags", `00-${traceId}-${spanId}-1`],
    ["another separator", incoming.replaceAll("-", "_")],
  ])("takes for no trace: %s", (_, text) => {
    expect(read(text)).toBeUndefined();
  });

  it("never throws, and what it takes is well formed", { timeout: 60_000 }, () => {
    const near = fc
      .tuple(
        fc.constantFrom("00", "01", "ff", "0"),
        fc.string({ unit: fc.constantFrom("0", "a", "F", "-"), maxLength: 60 }),
      )
      .map((each) => each.join("-"));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: character }), near), (text) => {
        const trace = incomingTrace({ headers: { get: () => text } });
        if (trace !== undefined) expect(`00-${trace.traceId}-${trace.spanId}-00`).toMatch(form);
      }),
    );
  });
});
