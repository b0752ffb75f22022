import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { History, type ObservedEvent } from "../../src/observer/index.ts";

const event = (number: number, policy = "prices"): ObservedEvent => ({
  type: "fallback.used",
  kind: String(number),
  policy,
  at: number,
  source: "page abcd",
});

describe("History", () => {
  it("gives what came between two numbers, or says how much is gone", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(150), { maxLength: 8 }), fc.nat(), fc.nat(), (batches, one, other) => {
        const history = new History("life");
        const all: ObservedEvent[] = [];
        for (const size of batches) {
          const events = Array.from({ length: size }, (_, index) => event(all.length + index));
          all.push(...events);
          history.add(events);
        }
        expect(history.end).toBe(all.length);
        const [from = 0, to = 0] = [one, other].map((each) => each % (all.length + 1)).sort((a, b) => a - b);
        const { events, skipped } = history.between(from, to);
        const kept = all.slice(Math.max(from, all.length - 200), to);
        expect(events).toEqual(kept);
        expect(skipped).toBe(to - from - kept.length);
      }),
    );
  });

  it.each<[string, number, number | undefined]>([
    ["life.2.1000", 1_000, 2],
    ["life.2.1000", 61_000, 2],
    ["life.2.1000", 61_001, undefined],
    ["life.4.1000", 1_000, undefined],
    ["life.-1.1000", 1_000, undefined],
    ["other.2.1000", 1_000, undefined],
    ["life.2", 1_000, undefined],
    ["life", 1_000, undefined],
    ["", 1_000, undefined],
    ["life.x.1000", 1_000, undefined],
  ])("the place %j is found at %d as %s", (place, now, number) => {
    const history = new History("life");
    history.add([event(1), event(2), event(3)]);
    expect(history.find(place, now)).toBe(number);
  });

  it("finds the place that it gave", () => {
    const history = new History("life");
    history.add([event(1), event(2)]);
    expect(history.find(history.place(1, 5), 6)).toBe(1);
  });

  it("stores no more than fits in a record, the newest first", () => {
    const history = new History("life");
    history.add(Array.from({ length: 200 }, (_, index) => event(index, "p".repeat(10_000))));
    const kept = history.snapshot();
    expect(JSON.stringify(kept).length).toBeLessThan(510_000);
    expect(kept.at(-1)).toMatchObject({ kind: "199" });
    expect(kept.length).toBeGreaterThan(40);
    const again = new History("next");
    again.restore(kept);
    expect(again.between(0, again.end).events).toEqual(kept);
  });
});
