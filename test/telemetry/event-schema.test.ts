import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PolicyEvent } from "../../src/core/events.ts";
import { metricsOf, Observer } from "../../src/observer/index.ts";
import { mendEvent, readEvent } from "../../src/telemetry/event-schema.ts";
import { prometheusText } from "../../src/telemetry/index.ts";

const stamp = { policy: "prices", at: 900 };
const failed: PolicyEvent = { ...stamp, type: "request.failed", duration: 5, attempts: 1, kind: "Error" };
const long = "x".repeat(200);

describe("readEvent", () => {
  it("takes nothing that spoils a counter, however often it comes", () => {
    const observer = new Observer(0);
    const [most, year] = [1_000_000, 31_622_400_000];
    const huge = { ...failed, attempts: most, inTime: most, duration: year, weight: 10_000 };
    const closed = { ...stamp, type: "circuit.closed", circuit: "db", from: "open", openFor: year };
    const events = [huge, { ...huge, type: "request.succeeded", kind: undefined }, closed].map(readEvent);
    for (let times = 0; times < 1_000; times++)
      observer.fold(
        { source: { id: "a", kind: "page" }, sentAt: 0, dropped: 0, events: events as PolicyEvent[] },
        0,
      );
    const values = prometheusText(metricsOf(observer, 0))
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => Number(line.split(" ").at(-1)));
    expect(values.length).toBeGreaterThan(20);
    for (const value of values) expect(value).toSatisfy(Number.isFinite);
    for (const count of Object.values(observer.totals()[0]?.counts ?? {}))
      expect(count).toSatisfy(Number.isSafeInteger);
  });
});

describe("mendEvent", () => {
  it("gives a good event back as it is, and one of a type that it does not know", () => {
    expect(mendEvent(failed)).toBe(failed);
    const newer = { ...stamp, type: "request.doubted", doubt: long } as unknown as PolicyEvent;
    expect(mendEvent(newer)).toBe(newer);
  });

  it.each<[string, object, object]>([
    ["the name of an error that is none", { kind: "" }, { kind: "(none)" }],
    ["a long name of an error", { kind: long }, { kind: `${"x".repeat(149)}…` }],
    ["a long name of a policy", { policy: long }, { policy: `${"x".repeat(149)}…` }],
    ["a key that is none", { key: "" }, { key: undefined }],
    ["a long key", { key: long }, { key: `${"x".repeat(149)}…` }],
    ["a name that is cut within a character", { key: "😀".repeat(90) }, { key: expect.any(String) }],
    ["a duration without an end", { duration: Infinity }, { duration: 31_622_400_000 }],
    ["a clock that went back", { duration: -1 }, { duration: 0 }],
    ["more attempts than anybody makes", { attempts: 1e9 }, { attempts: 1_000_000 }],
  ])("mends %s", (_, wrong, mended) => {
    const event = mendEvent({ ...failed, ...wrong } as PolicyEvent);
    expect(event).toEqual({ ...failed, ...mended });
    expect(readEvent(JSON.parse(JSON.stringify(event)))).toEqual(JSON.parse(JSON.stringify(event)));
    expect(JSON.stringify(event)).not.toMatch(/\\ud/);
  });

  it("tells of the first hundred circuits that a call went through, by names that fit", () => {
    const call = { circuit: long, state: "closed", result: "failure" } as const;
    const event = mendEvent({ ...failed, circuits: Array.from({ length: 150 }, () => call) } as PolicyEvent);
    const cut = { ...call, circuit: `${"x".repeat(149)}…` };
    expect(event).toEqual({ ...failed, circuits: Array.from({ length: 100 }, () => cut) });
    expect(readEvent(event)).toEqual(event);
  });

  it("leaves what says nothing, for the collector to refuse", () => {
    const event = { ...failed, duration: Number.NaN, attempts: "3", kind: 5 } as unknown as PolicyEvent;
    expect(mendEvent(event)).toEqual(event);
    expect(readEvent(event)).toBe("duration of request.failed is NaN");
  });

  it("makes of any texts and numbers what a collector takes", () => {
    const text = fc.oneof(fc.string({ maxLength: 200, unit: "binary" }), fc.constantFrom("", long));
    const number = fc.oneof(fc.double({ noNaN: true }), fc.integer());
    const call = fc.record({
      circuit: text,
      state: fc.constantFrom("open", "closed"),
      result: fc.constantFrom("success", "failure"),
    });
    const stamped = { policy: text, at: number, key: text };
    const any = fc.oneof(
      fc.record({
        ...stamped,
        type: fc.constant("request.failed"),
        duration: number,
        attempts: number,
        inTime: number,
        circuits: fc.array(call, { maxLength: 120 }),
        kind: text,
      }),
      fc.record({
        ...stamped,
        type: fc.constant("circuit.closed"),
        circuit: text,
        from: text,
        openFor: number,
      }),
      fc.record({ ...stamped, type: fc.constant("document.refused"), version: number, reason: text }),
      fc.record({
        ...stamped,
        type: fc.constant("rate-limit.rejected"),
        retryAfter: number,
        limit: number,
        per: number,
      }),
    );
    fc.assert(
      fc.property(any, (event) => {
        expect(readEvent(JSON.parse(JSON.stringify(mendEvent(event as PolicyEvent))))).toBeTypeOf("object");
      }),
      { numRuns: 50 },
    );
  });
});
