import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PolicyEvent } from "../../src/core/events.ts";
import { Observer } from "../../src/observer/index.ts";
import {
  consoleSink,
  filtered,
  memorySink,
  multicast,
  nullSink,
  sampled,
  severityOf,
} from "../../src/telemetry/index.ts";
import { recordingSink, seededRandom } from "../../src/testing/index.ts";

const event = (at: number): PolicyEvent => ({ type: "timeout.occurred", policy: "prices", at, after: 5 });

describe("memorySink", () => {
  it("keeps the last events, oldest first, and counts the others", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), fc.nat(30), (capacity, count) => {
        const sink = memorySink(capacity);
        const events = Array.from({ length: count }, (_, at) => event(at));
        for (const each of events) sink.emit(each);
        expect(sink.events).toEqual(events.slice(-capacity));
        expect(sink.dropped).toBe(Math.max(0, count - capacity));
      }),
    );
  });

  it.each([0, -1, 1.5, Number.NaN])("refuses the capacity %d", (capacity) => {
    expect(() => memorySink(capacity)).toThrow("memorySink: capacity");
  });
});

describe("multicast", () => {
  it("sends each event to all", () => {
    const sinks = [recordingSink(), recordingSink()];
    multicast(...sinks).emit(event(1));
    for (const { events } of sinks) expect(events).toEqual([event(1)]);
  });

  it("sends to the others when one throws", () => {
    const other = recordingSink();
    const broken = {
      emit: () => {
        throw new Error("broken");
      },
    };
    try {
      multicast(broken, other).emit(event(1));
    } catch {
      // Whether it throws is not what is asked here: the context catches it.
    }
    expect(other.events).toEqual([event(1)]);
  });
});

describe("consoleSink", () => {
  it("writes one line of JSON for each event", () => {
    const lines: string[] = [];
    const sink = consoleSink((line) => lines.push(line));
    sink.emit({ ...event(1), policy: "two\nlines" });
    sink.emit(event(2));
    expect(lines.map((line) => JSON.parse(line))).toEqual([{ ...event(1), policy: "two\nlines" }, event(2)]);
    expect(lines.join("").includes("\n")).toBe(false);
  });
});

describe("nullSink", () => {
  it("takes what comes", () => {
    expect(nullSink.emit(event(1))).toBeUndefined();
  });
});

describe("filtered", () => {
  it("lets through what is wanted", () => {
    const sink = recordingSink();
    const odd = filtered(({ at }) => at % 2 === 1, sink);
    for (const at of [1, 2, 3]) odd.emit(event(at));
    expect(sink.events.map(({ at }) => at)).toEqual([1, 3]);
  });
});

describe("sampled", () => {
  const call = (traceId?: string): PolicyEvent => ({
    type: "request.succeeded",
    policy: "prices",
    at: 1,
    duration: 5,
    attempts: 1,
    traceId,
  });

  it("lets a share through, and all that warns", () => {
    const sink = recordingSink();
    const chances = [0.09, 0.1, 0.5];
    const some = sampled(0.1, sink, () => chances.shift() ?? 1);
    for (let calls = 0; calls < 3; calls++) some.emit(call());
    expect(sink.events).toEqual([{ ...call(), weight: 10 }]);
    some.emit(event(5));
    expect(sink.events).toEqual([{ ...call(), weight: 10 }, event(5)]);
  });

  it("lets all that is rare through: what holds until the next is lost with none", () => {
    const sink = recordingSink();
    const closed: PolicyEvent = {
      type: "circuit.closed",
      policy: "prices",
      at: 1,
      circuit: "db",
      from: "half-open",
      openFor: 5,
    };
    sampled(0, sink).emit(closed);
    expect(sink.events).toEqual([closed]);
  });

  it("lets all through as it is at a rate of 1, and of a sample's sample gives both weights", () => {
    const sink = recordingSink();
    sampled(1, sink).emit(call());
    sampled(
      0.5,
      sampled(0.1, sink, () => 0),
      () => 0,
    ).emit(call());
    expect(sink.events).toEqual([call(), { ...call(), weight: 20 }]);
  });

  it.each([0.1, 0.3, 0.75])("keeps rates and error rates right at a rate of %d, but for chance", (rate) => {
    const failed: PolicyEvent = {
      type: "request.failed",
      policy: "prices",
      at: 1,
      duration: 5,
      attempts: 1,
      kind: "value",
    };
    const observer = new Observer(0);
    const sink = recordingSink();
    const some = sampled(rate, sink, seededRandom(5));
    for (let calls = 0; calls < 20_000; calls++) some.emit(calls % 20 === 0 ? failed : call());
    expect(sink.events.length).toBeLessThan(20_000 * (0.05 + rate));
    observer.fold({ source: { id: "abcdef", kind: "page" }, sentAt: 1, dropped: 0, events: sink.events }, 1);
    const {
      requests = 0,
      failures,
      errorRate,
      amplification,
      p50,
    } = observer.getPolicyState("prices", 1)?.windows["1m"] ?? {};
    expect(failures).toBe(1_000);
    expect(requests / 20_000).toBeCloseTo(1, 1);
    expect(errorRate).toBeCloseTo(0.05, 2);
    expect(amplification).toBe(1);
    expect(p50).toBeCloseTo(5, 0);
    const [totals] = observer.totals();
    expect(totals?.durations.counts[0]).toBe(requests);
    expect(totals?.durations.sum).toBeCloseTo(requests * 0.005);
  });

  it("keeps the events of a trace together, on whichever machine", () => {
    const ids = [
      "0af7651916cd43dd8448000000000000",
      "0af7651916cd43dd84480fffffffffff",
      "0af7651916cd43dd8448ffffffffffff",
    ];
    const kept = (rate: number) => {
      const sink = recordingSink();
      const some = sampled(rate, sink, () => 0);
      for (const id of ids) {
        some.emit(call(id));
        some.emit(call(id));
      }
      return sink.events.map(({ traceId }) => ids.indexOf(traceId ?? ""));
    };
    expect(kept(0)).toEqual([]);
    expect(kept(0.01)).toEqual([0, 0]);
    expect(kept(0.1)).toEqual([0, 0, 1, 1]);
    expect(kept(1)).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it.each([-0.1, 0.00009, 1.1, Number.NaN])("refuses the rate %d", (rate) => {
    expect(() => sampled(rate, nullSink)).toThrow("sampled: rate must be a number from 0.0001 to 1");
  });
});

describe("severityOf", () => {
  it.each([
    ["request.succeeded", "debug"],
    ["retry.attempted", "info"],
    ["timeout.occurred", "warn"],
    ["circuit.opened", "error"],
    ["something.new", "info"],
    ["toString", "info"],
  ])("%s is %s", (type, severity) => {
    expect(severityOf({ type } as PolicyEvent)).toBe(severity);
  });
});
