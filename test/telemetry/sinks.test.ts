import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PolicyEvent } from "../../src/core/events.ts";
import { consoleSink, memorySink, multicast } from "../../src/telemetry/index.ts";
import { recordingSink } from "../../src/testing/index.ts";

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
