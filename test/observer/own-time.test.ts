import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inOwnTime, Observer } from "../../src/observer/index.ts";
import type { EventBatch } from "../../src/telemetry/index.ts";

const now = Date.UTC(2026, 0, 1);
const year = 365 * 86_400_000;

const batchOf = (sentAt: number, ages: readonly number[]): EventBatch => ({
  version: 1,
  source: { id: "abcdef", kind: "page" },
  sentAt,
  dropped: 2,
  events: ages.map((age) => ({ type: "timeout.occurred", policy: "prices", at: sentAt - age, after: 5 })),
});

describe("inOwnTime", () => {
  it.each([
    ["right", 0],
    ["a year ahead", year],
    ["a year behind", -year],
  ])("keeps how old events are when the sender's clock is %s", (_, off) => {
    const batch = batchOf(now + off, [0, 300, 60_000]);
    expect(inOwnTime(batch, now)).toEqual(batchOf(now, [0, 300, 60_000]));
  });

  it.each([
    ["happened after it was sent", -5_000, 0],
    ["waited for longer than a minute", 60_001, 60_000],
    ["is of the sender's 1970", now, 60_000],
  ])("does not believe what %s", (_, age, believed) => {
    expect(inOwnTime(batchOf(now, [age]), now)).toEqual(batchOf(now, [believed]));
  });

  it("leaves the batch alone that it was given", () => {
    const batch = batchOf(now + year, [300]);
    inOwnTime(batch, now);
    expect(batch).toEqual(batchOf(now + year, [300]));
  });

  it("changes nothing the second time", () => {
    const once = inOwnTime(batchOf(now + year, [-1, 300, year]), now);
    expect(inOwnTime(once, now)).toEqual(once);
  });

  it("has the times that the observer has", () => {
    const time = fc.integer({ min: 0, max: 2 * now });
    fc.assert(
      fc.property(time, fc.array(fc.integer({ min: -year, max: year })), time, (sentAt, ages, came) => {
        const batch = batchOf(sentAt, ages);
        const observed = new Observer(0).fold(batch, came);
        expect(inOwnTime(batch, came).events.map(({ at }) => at)).toEqual(observed.map(({ at }) => at));
      }),
    );
  });
});
