import type { CircuitReport, ObservedEvent } from "ninelives/observer";
import { describe, expect, it } from "vitest";
import { stretchesOf } from "../../web/circuit-timeline.ts";

const report: CircuitReport = {
  circuit: "c",
  state: "closed",
  since: 50,
  until: null,
  reason: null,
  openings: 1,
  heardAt: 50,
  timeIn: {},
};
const stamp = { policy: "p", circuit: "c", from: "closed", source: "worker a01b" } as const;
const opened = (at: number, source = "worker a01b"): ObservedEvent => ({
  ...stamp,
  type: "circuit.opened",
  failureRate: 1,
  openFor: 10,
  reason: "failures",
  at,
  source,
});
const probing: ObservedEvent = { ...stamp, type: "circuit.half-opened", at: 40 };
const closed: ObservedEvent = { ...stamp, type: "circuit.closed", openFor: 20, at: 50 };

describe("a circuit's timeline", () => {
  it("is one stretch after the other, the same change told by many but once", () => {
    expect(stretchesOf(report, [opened(30), opened(31, "page b"), probing, closed], 0, 90)).toEqual([
      { state: "open", from: 30, to: 40 },
      { state: "half-open", from: 40, to: 50 },
      { state: "closed", from: 50, to: 90 },
    ]);
  });

  it("begins where the picture does, and knows nothing of the time before the first change", () => {
    expect(stretchesOf(report, [opened(30), probing], 45, 90)).toEqual([
      { state: "half-open", from: 45, to: 50 },
      { state: "closed", from: 50, to: 90 },
    ]);
    expect(stretchesOf(report, [], 0, 90)).toEqual([{ state: "closed", from: 50, to: 90 }]);
  });

  it("was what it was before the first change since it was heard of, where no opening is missing", () => {
    const heard = { ...report, timeIn: { closed: 60, open: 10, "half-open": 10 } };
    expect(stretchesOf(heard, [opened(30), probing, closed], 0, 90)[0]).toEqual({
      state: "closed",
      from: 10,
      to: 30,
    });
    expect(stretchesOf({ ...heard, openings: 2 }, [opened(30), probing, closed], 0, 90)[0]?.from).toBe(30);
  });

  it("passes over other circuits and other events", () => {
    const other = { ...opened(10), circuit: "d" };
    const call: ObservedEvent = {
      type: "request.succeeded",
      duration: 1,
      attempts: 1,
      policy: "p",
      at: 5,
      source: "s",
    };
    expect(stretchesOf(report, [other, call], 0, 90)).toHaveLength(1);
  });

  it("tells forced open from open", () => {
    const { openFor: _, ...forced } = opened(30) as Extract<ObservedEvent, { type: "circuit.opened" }>;
    expect(stretchesOf(report, [forced], 0, 90)[0]?.state).toBe("forced-open");
  });
});
