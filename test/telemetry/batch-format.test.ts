import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EventType } from "../../src/core/events.ts";
import { BatchError, readBatch } from "../../src/telemetry/index.ts";

const source = { id: "abc", kind: "page" };
const envelope = { version: 1, source, sentAt: 1_000, dropped: 2, events: [] as unknown[] };
const stamp = { policy: "prices", at: 900 };

/** One good event of each type. */
const events: { readonly [T in EventType]: object } = {
  "request.succeeded": {
    duration: 12.5,
    attempts: 1,
    circuits: [{ circuit: "prices", state: "closed", result: "success" }],
    inTime: 2,
  },
  "request.failed": { duration: 12.5, attempts: 3, kind: "timeout" },
  "request.aborted": { duration: 0, attempts: 0 },
  "retry.attempted": { attempt: 1, delay: 100, kind: "TypeError" },
  "retry.exhausted": { attempts: 3, reason: "attempts" },
  "circuit.opened": {
    circuit: "prices",
    from: "closed",
    failureRate: 0.5,
    openFor: 30_000,
    reason: "failures",
  },
  "circuit.half-opened": { circuit: "prices", from: "open" },
  "circuit.closed": { circuit: "prices", from: "half-open", openFor: 30_000 },
  "circuit.rejected": { circuit: "prices", state: "half-open", retryAfter: 100 },
  "circuit.called": { circuit: "prices", state: "closed", result: "ignored" },
  "store.failed": { circuit: "prices", kind: "timeout", retryIn: 2_000 },
  "lease.acquired": { lease: "primary", token: 7 },
  "lease.lost": { lease: "primary", token: 7, reason: "expired" },
  "bulkhead.acquired": { active: 1, limit: 10, waited: 0 },
  "bulkhead.rejected": { active: 10, limit: 10, queued: 5 },
  "rate-limit.rejected": { retryAfter: 100 },
  "rate-limit.waited": { wait: 10 },
  "rate-limit.changed": { limit: 5, from: 10 },
  "throttle.rejected": { probability: 0.5 },
  "hedge.started": { hedge: 1, after: 50 },
  "hedge.won": { hedge: 1 },
  "call.coalesced": { waiting: 2 },
  "cache.hit": { freshness: "fresh" },
  "cache.missed": {},
  "chaos.injected": { chaos: "fault" },
  "limit.changed": { limit: 12, from: 10 },
  "timeout.occurred": { after: 500 },
  "fallback.used": { kind: "circuit-open" },
  "member.ejected": { member: "eu", outFor: 30_000, reason: "failures" },
  "member.unhealthy": { member: "eu" },
  "member.healthy": { member: "eu" },
  "discovery.changed": { members: 3, added: 1, removed: 0 },
  "discovery.failed": { kind: "timeout", members: 3, retryIn: 5_000 },
  "document.applied": { version: 3 },
  "document.refused": { version: 4, reason: "line 1, column 1: there is no policy pray" },
  "span.ended": {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    sampled: true,
    duration: 12,
    resends: 0,
    status: 200,
  },
};
const all = Object.entries(events).map(([type, details]) => ({ type, ...stamp, ...details }));

const problemOf = (input: unknown) => {
  try {
    readBatch(input);
  } catch (error) {
    expect(error).toBeInstanceOf(BatchError);
    const { status, problem, message } = error as BatchError;
    return [status, problem, message];
  }
  return undefined;
};

describe("readBatch", () => {
  it.each(all.map((event) => [event.type, event] as const))(
    "takes a good event of the type %s",
    (_, event) => {
      const keyed = { ...event, key: "https://api.test" };
      expect(readBatch({ ...envelope, events: [event, keyed] })).toEqual({
        batch: { ...envelope, events: [event, keyed] },
        rejected: [],
      });
    },
  );

  it.each([0.5, 10_001, "10"])("rejects an event that stands for %j of them", (weight) => {
    expect(readBatch({ ...envelope, events: [{ ...all[0], weight }] }).rejected).toHaveLength(1);
  });

  it("keeps the weight of an event of a sample", () => {
    const event = { ...all[0], weight: 10 };
    expect(readBatch({ ...envelope, events: [event] }).batch.events).toEqual([event]);
  });

  it("keeps the trace and the span of an event", () => {
    const event = { ...all[0], traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
    expect(readBatch({ ...envelope, events: [event] }).batch.events).toEqual([event]);
  });

  it("keeps of a call through a circuit what it knows", () => {
    const call = { circuit: "prices", state: "open", result: "ignored" };
    const event = { type: "request.aborted", ...stamp, duration: 1, attempts: 1 };
    const { batch } = readBatch({ ...envelope, events: [{ ...event, circuits: [{ ...call, newer: 1 }] }] });
    expect(batch.events).toEqual([{ ...event, circuits: [call] }]);
  });

  it("skips a call through a circuit in a state, or with a result, that only a newer sender knows", () => {
    const known = { circuit: "prices", state: "open", result: "failure" };
    const circuits = [{ ...known, state: "ajar" }, known, { ...known, result: "half" }];
    const event = { type: "request.failed", ...stamp, duration: 1, attempts: 3, kind: "value" };
    const { batch, rejected } = readBatch({ ...envelope, events: [{ ...event, circuits }] });
    expect(rejected).toEqual([]);
    expect(batch.events).toEqual([{ ...event, circuits: [known] }]);
  });

  it("takes a circuit's state that only a newer sender knows for one that was not told", () => {
    const event = { type: "circuit.rejected", ...stamp, circuit: "prices" };
    const { batch, rejected } = readBatch({ ...envelope, events: [{ ...event, state: "ajar" }] });
    expect([batch.events, rejected]).toEqual([[event], []]);
  });

  it.each([
    "one",
    [{ circuit: "", state: "open", result: "success" }],
    [{ circuit: "prices", state: 5, result: "success" }],
    [{ circuit: "prices", state: "open" }],
    [null],
    Array.from({ length: 101 }, () => ({ circuit: "prices", state: "open", result: "success" })),
  ])("refuses calls through circuits that are none: %j", (circuits) => {
    const event = { type: "request.succeeded", ...stamp, duration: 1, attempts: 1, circuits };
    const { rejected } = readBatch({ ...envelope, events: [event] });
    expect(rejected).toEqual([
      { index: 0, reason: expect.stringContaining("circuits of request.succeeded is") },
    ]);
  });

  it("takes a batch that dropped nothing and does not say so", () => {
    const { dropped: _, ...silent } = envelope;
    expect(readBatch(silent).batch.dropped).toBe(0);
  });

  it.each(["circuit.opened", "circuit.rejected"] as const)(
    "takes %s without its optional duration",
    (type) => {
      const { openFor: _, retryAfter: __, ...details } = events[type] as Record<string, unknown>;
      expect(readBatch({ ...envelope, events: [{ type, ...stamp, ...details }] }).rejected).toEqual([]);
    },
  );

  it("keeps the good events and rejects the bad ones one by one, with the reason", () => {
    const good = all[0];
    const bad = [
      [null, "an event must be an object"],
      [[], "an event must be an object"],
      [{}, "unknown type undefined"],
      [{ ...good, type: "constructor" }, 'unknown type "constructor"'],
      [{ ...good, type: "request.doubted" }, 'unknown type "request.doubted"'],
      [{ ...good, policy: "" }, "policy must be a text of 1 to 150 characters"],
      [{ ...good, policy: "x".repeat(151) }, "policy must be a text of 1 to 150 characters"],
      [{ ...good, at: "now" }, "at must be a time in milliseconds since 1970"],
      [{ ...good, at: -1 }, "at must be a time in milliseconds since 1970"],
      [{ ...good, key: 5 }, "key must be a text of 1 to 150 characters"],
      [{ ...good, duration: "fast" }, 'duration of request.succeeded is "fast"'],
      [{ ...good, duration: undefined }, "duration of request.succeeded is missing"],
      [{ ...good, attempts: -1 }, "attempts of request.succeeded is -1"],
      [
        { ...good, traceId: "0AF7651916CD43DD8448EB211C80319C" },
        'traceId of request.succeeded is "0AF7651916CD43DD8448EB211C80319C"',
      ],
      [{ ...good, spanId: "b7ad" }, 'spanId of request.succeeded is "b7ad"'],
      [{ ...all[5], failureRate: 1.5 }, "failureRate of circuit.opened is 1.5"],
    ] as const;
    const read = readBatch({ ...envelope, events: bad.flatMap(([event]) => [event, good]) });
    expect(read.batch.events).toEqual(bad.map(() => good));
    expect(read.rejected).toEqual(bad.map(([, reason], index) => ({ index: 2 * index, reason })));
  });

  it.each([
    ["request.succeeded", "attempts", 1e308],
    ["request.succeeded", "attempts", 1.5],
    ["request.succeeded", "duration", 1e308],
    ["request.succeeded", "inTime", 0.5],
    ["request.succeeded", "at", 1e300],
    ["retry.attempted", "attempt", 1e7],
    ["retry.attempted", "delay", 1e12],
    ["circuit.closed", "openFor", 1e12],
    ["bulkhead.acquired", "active", 2 ** 60],
    ["bulkhead.rejected", "queued", 0.5],
    ["rate-limit.changed", "limit", 1e300],
    ["hedge.won", "hedge", 0.5],
    ["discovery.changed", "added", 1e300],
    ["document.applied", "version", 1.5],
    ["lease.acquired", "token", 1e300],
    ["span.ended", "port", 65_536],
    ["span.ended", "status", 1_000],
    ["span.ended", "resends", 0.5],
  ] as const)(
    "rejects %s whose %s is %s: a counter that adds it up would be spoilt for ever",
    (type, field, value) => {
      const event = { type, ...stamp, ...events[type], [field]: value };
      expect(readBatch({ ...envelope, events: [event] }).rejected).toHaveLength(1);
    },
  );

  it("takes a rate that is no whole number", () => {
    const event = { type: "rate-limit.changed", ...stamp, limit: 0.25, from: 0.5, per: 1_000 };
    expect(readBatch({ ...envelope, events: [event] }).batch.events).toEqual([event]);
  });

  it("keeps only the fields that it knows", () => {
    const event = { ...all[0], url: "https://shop.test/?token=secret", body: "secret", __proto__: null };
    const { batch } = readBatch({ ...envelope, events: [event], extra: 1 });
    expect(JSON.stringify(batch)).not.toContain("secret");
    expect(batch).not.toHaveProperty("extra");
    expect(batch.events[0]).toEqual(all[0]);
  });

  it.each<[string, unknown, unknown[]]>([
    ["null", null, [400, "bad-batch", "a batch must be a JSON object"]],
    ["an array", [], [400, "bad-batch", "a batch must be a JSON object"]],
    ["a text", "batch", [400, "bad-batch", "a batch must be a JSON object"]],
    ["no version", {}, [422, "unknown-version", "the batch has version none, but this collector reads 1"]],
    [
      "a newer version",
      { ...envelope, version: 2 },
      [422, "unknown-version", "the batch has version 2, but this collector reads 1"],
    ],
    [
      "the version as a text",
      { ...envelope, version: "1" },
      [422, "unknown-version", 'the batch has version "1", but this collector reads 1'],
    ],
    ["no source", { ...envelope, source: undefined }, [400, "bad-batch", expect.stringContaining("source")]],
    [
      "a long id",
      { ...envelope, source: { ...source, id: "x".repeat(151) } },
      [400, "bad-batch", expect.stringContaining("source")],
    ],
    [
      "another kind",
      { ...envelope, source: { ...source, kind: "toaster" } },
      [400, "bad-batch", expect.stringContaining("source")],
    ],
    ["no time", { ...envelope, sentAt: undefined }, [400, "bad-batch", expect.stringContaining("sentAt")]],
    [
      "a time of its own",
      { ...envelope, sentAt: "today" },
      [400, "bad-batch", expect.stringContaining("sentAt")],
    ],
    [
      "half an event dropped",
      { ...envelope, dropped: 0.5 },
      [400, "bad-batch", expect.stringContaining("dropped")],
    ],
    [
      "too many to count",
      { ...envelope, dropped: 1e300 },
      [400, "bad-batch", expect.stringContaining("dropped")],
    ],
    ["less than none", { ...envelope, dropped: -1 }, [400, "bad-batch", expect.stringContaining("dropped")]],
    ["no events", { ...envelope, events: undefined }, [400, "bad-batch", "events must be an array"]],
    ["events by name", { ...envelope, events: {} }, [400, "bad-batch", "events must be an array"]],
    [
      "too many events",
      { ...envelope, events: Array.from({ length: 1_001 }, () => all[0]) },
      [413, "batch-too-large", "1001 events are more than 1000"],
    ],
  ])("refuses %s", (_, input, expected) => {
    expect(problemOf(input)).toEqual(expected);
  });

  it("takes a thousand events", () => {
    const thousand = Array.from({ length: 1_000 }, () => all[0]);
    expect(readBatch({ ...envelope, events: thousand }).batch.events).toHaveLength(1_000);
  });

  it("quotes no more than a hundred characters of anything", () => {
    const long = "x".repeat(10_000);
    expect(String(problemOf({ ...envelope, version: long })?.[2]).length).toBeLessThan(200);
    const events = [
      { ...all[0], type: long },
      { ...all[0], duration: long },
    ];
    for (const { reason } of readBatch({ ...envelope, events }).rejected)
      expect(reason.length).toBeLessThan(200);
  });

  it("throws nothing but a BatchError, and keeps every event or says why not, whatever it is given", () => {
    const anything = fc.anything({ withBigInt: true, withNullPrototype: true, withTypedArray: true });
    const mutated = fc
      .tuple(fc.constantFrom(...all), fc.dictionary(fc.string(), anything), anything)
      .map(([event, more, value]) => {
        const [name = "type"] = Object.keys(more);
        return { ...event, ...more, [name]: value };
      });
    const batch = fc.record(
      {
        version: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: anything }),
        source: fc.oneof({ weight: 5, arbitrary: fc.constant(source) }, { weight: 1, arbitrary: anything }),
        sentAt: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: anything }),
        dropped: fc.oneof({ weight: 5, arbitrary: fc.nat() }, { weight: 1, arbitrary: anything }),
        events: fc.oneof(
          { weight: 5, arbitrary: fc.array(fc.oneof(mutated, fc.constantFrom(...all), anything)) },
          { weight: 1, arbitrary: anything },
        ),
      },
      { requiredKeys: ["version", "source", "sentAt"] },
    );
    fc.assert(
      fc.property(fc.oneof(anything, batch), (input) => {
        let read: ReturnType<typeof readBatch>;
        try {
          read = readBatch(input);
        } catch (error) {
          expect(error).toBeInstanceOf(BatchError);
          return;
        }
        const given = (input as { events: unknown[] }).events;
        expect(read.batch.events.length + read.rejected.length).toBe(given.length);
        // What was kept is good: it is read again as it was sent. JSON has one zero, and -0 is it.
        const sent = JSON.parse(JSON.stringify(read.batch));
        expect(readBatch(sent)).toEqual({ batch: sent, rejected: [] });
      }),
      { numRuns: 500 },
    );
  });
});
