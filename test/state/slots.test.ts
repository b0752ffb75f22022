import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { book, booked, cancel, noSlots, passed, type Slots } from "../../src/state/slots.ts";

/** Books so many, all wanting the same time. */
function crowd(count: number, wanted: number, slots: Slots = noSlots): { slots: Slots; times: number[] } {
  const times: number[] = [];
  let now = slots;
  for (let made = 0; made < count; made++) {
    const [after, at] = book(now, wanted);
    now = after;
    times.push(at);
  }
  return { slots: now, times };
}

describe("slots", () => {
  it("gives the wanted time where there is room, and then one after the other", () => {
    expect(crowd(4, 2_000).times).toEqual([2_000, 2_010, 2_020, 2_030]);
  });

  it("asks no second for more than a hundred, however many want it", () => {
    const { times } = crowd(1_000, 500);
    const seconds = Map.groupBy(times, (at) => Math.floor(at / 1_000));
    expect([...seconds.values()].map(({ length }) => length)).toEqual(Array(10).fill(100));
  });

  it("counts who is still to come, after this second", () => {
    const { slots } = crowd(250, 1_000);
    expect(booked(slots)).toBe(250);
    expect(booked(passed(slots, 2_500))).toBe(50);
    expect(booked(passed(slots, 9_000))).toBe(0);
  });

  it("does not go back in time", () => {
    const later = passed(noSlots, 5_000);
    expect(passed(later, 1_000)).toEqual(later);
    expect(book(later, 1_000)[1]).toBe(5_000);
  });

  it("gives back what was not used, once", () => {
    const { slots } = crowd(1, 3_000);
    const free = cancel(slots, 3_000);
    expect(booked(free)).toBe(0);
    expect(cancel(free, 3_000)).toEqual(free);
    expect(cancel(passed(slots, 60_000), 3_000)).toEqual(passed(slots, 60_000));
  });

  it("lets them crowd an hour from now, and no later", () => {
    const full: Slots = { first: 0, counts: Array(3_601).fill(100) };
    expect(book(full, 0)[1]).toBe(3_601_000);
    expect(book(book(full, 0)[0], 0)[1]).toBe(3_601_000);
  });

  it("never holds more than a second's share before the last one, whatever is booked and given back", () => {
    const step = fc.record({ wait: fc.nat(500), wanted: fc.nat(20_000), back: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        let slots = noSlots;
        let time = 0;
        let last = 0;
        for (const { wait, wanted, back } of steps) {
          time += wait;
          slots = passed(slots, time);
          if (back) slots = cancel(slots, last);
          [slots, last] = book(slots, time + wanted);
          expect(last).toBeGreaterThanOrEqual(time + wanted);
          for (const count of slots.counts) {
            expect(count).toBeGreaterThanOrEqual(0);
            expect(count).toBeLessThanOrEqual(100);
          }
        }
      }),
    );
  });
});
