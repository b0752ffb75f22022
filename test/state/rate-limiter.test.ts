import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Gcra } from "../../src/state/gcra.ts";
import type { Rate, RateLimiter } from "../../src/state/rate-limiter.ts";
import { SlidingCounter } from "../../src/state/sliding-counter.ts";
import { SlidingLog } from "../../src/state/sliding-log.ts";
import { TokenBucket } from "../../src/state/token-bucket.ts";
import { testRateLimiter } from "../contracts/rate-limiter.ts";

const limit = (rate: Rate): number => rate.limit;
const burst = (rate: Rate): number => rate.burst;
/** In a span that excludes its end: with it, one more. */
const both = (rate: Rate): number => rate.limit + rate.burst - 1;

testRateLimiter({ name: "TokenBucket", make: (rate) => new TokenBucket(rate), atOnce: burst, bound: both });
testRateLimiter({ name: "Gcra", make: (rate) => new Gcra(rate), atOnce: burst, bound: both });
testRateLimiter({ name: "SlidingLog", make: (rate) => new SlidingLog(rate), atOnce: limit, bound: limit });
testRateLimiter({
  name: "SlidingCounter",
  make: (rate) => new SlidingCounter(rate),
  atOnce: limit,
  bound: (rate) => Math.max(1, 2 * rate.limit - 1),
});

/** The waits of calls at these times that would wait for ever. */
const waits = (limiter: RateLimiter, ...times: number[]): number[] =>
  times.map((time) => limiter.take(time, Infinity));

describe("TokenBucket", () => {
  it("gains its tokens evenly, up to the burst", () => {
    const bucket = new TokenBucket({ limit: 10, per: 1_000, burst: 3 });
    expect(waits(bucket, 0, 0, 0, 0, 0)).toEqual([0, 0, 0, 100, 200]);
    expect(waits(bucket, 200, 300)).toEqual([100, 100]);
    expect(bucket.available(10_000)).toBe(3);
  });

  it("decides as GCRA does", () => {
    const call = fc.record({
      after: fc.nat(400),
      patience: fc.constantFrom(0, 50, 1_000),
      back: fc.boolean(),
    });
    const rates = fc.record({
      limit: fc.integer({ min: 1, max: 20 }),
      per: fc.constant(1_000),
      burst: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(rates, rates, fc.array(call), fc.nat(30), (rate, later, calls, change) => {
        const [bucket, gcra] = [new TokenBucket(rate), new Gcra(rate)];
        let now = 0;
        for (const [index, { after, patience, back }] of calls.entries()) {
          now += after;
          if (index === change) for (const limiter of [bucket, gcra]) limiter.adjust(later, now);
          const wait = bucket.take(now, patience);
          expect(gcra.take(now, patience)).toBeCloseTo(wait, 3);
          if (back && wait > 0 && wait <= patience)
            for (const limiter of [bucket, gcra]) limiter.giveBack(now);
          expect(gcra.snapshot(now).used).toBeCloseTo(bucket.snapshot(now).used, 3);
        }
      }),
    );
  });

  it("makes no debt of a burst that shrinks, and keeps the debt that there is", () => {
    const bucket = new TokenBucket({ limit: 10, per: 1_000, burst: 100 });
    for (let taken = 0; taken < 50; taken++) bucket.take(0, 0);
    bucket.adjust({ limit: 10, per: 1_000, burst: 10 }, 0);
    expect(waits(bucket, 0, 0)).toEqual([100, 200]);
    bucket.adjust({ limit: 20, per: 1_000, burst: 5 }, 0);
    expect(waits(bucket, 0)).toEqual([150]);
  });
});

describe("SlidingLog", () => {
  it("lets a call go when the oldest of the limit is out of sight", () => {
    const log = new SlidingLog({ limit: 2, per: 100, burst: 2 });
    expect(waits(log, 0, 30, 30, 40)).toEqual([0, 0, 70, 90]);
    expect(waits(log, 140)).toEqual([60]);
  });

  it("forgets what is out of sight, whatever comes", () => {
    const log = new SlidingLog({ limit: 100, per: 100, burst: 100 });
    for (let now = 0; now < 1_000; now++) expect(log.take(now, 0)).toBe(0);
    expect(log.snapshot(999).used).toBe(100);
    expect(log.available(1_050)).toBe(51);
  });

  it("lets nobody overtake those that wait when the limit grows", () => {
    const log = new SlidingLog({ limit: 1, per: 100, burst: 1 });
    expect(waits(log, 0, 0)).toEqual([0, 100]);
    log.adjust({ limit: 10, per: 100, burst: 10 });
    expect(waits(log, 0)).toEqual([100]);
  });

  it("restores what another kind counted in fractions, and forgets what it knew", () => {
    const log = new SlidingLog({ limit: 3, per: 100, burst: 3 });
    expect(waits(log, 0, 10, 90, 150)).toEqual([0, 0, 0, 0]);
    log.restore({ used: 1.2 }, 150);
    expect(log.snapshot(150)).toEqual({ used: 2 });
    expect(waits(log, 150, 150)).toEqual([0, 100]);
  });

  it("lets more calls go when the limit grows than went before, and fewer when it shrinks", () => {
    const log = new SlidingLog({ limit: 2, per: 100, burst: 2 });
    expect(waits(log, 0, 10)).toEqual([0, 0]);
    log.adjust({ limit: 1, per: 100, burst: 1 });
    expect(log.take(20, 0)).toBe(90);
    log.adjust({ limit: 3, per: 50, burst: 3 });
    expect(log.take(55, 0)).toBe(0);
    expect(log.available(55)).toBe(1);
  });
});

describe("SlidingCounter", () => {
  it("counts the window before by the share of it that is in sight", () => {
    const counter = new SlidingCounter({ limit: 10, per: 1_000, burst: 10 });
    for (let taken = 0; taken < 10; taken++) counter.take(0, 0);
    expect(counter.available(1_000)).toBe(0);
    expect(counter.available(1_250)).toBe(2);
    expect(counter.take(1_000, 0)).toBeCloseTo(100);
    expect(counter.available(1_500)).toBe(5);
    expect(counter.available(1_999)).toBe(9);
  });

  it("lets those wait for a later window that find no room in this one or the next", () => {
    const counter = new SlidingCounter({ limit: 1, per: 100, burst: 1 });
    expect(waits(counter, 0, 0, 0)).toEqual([0, 200, 400]);
    counter.giveBack();
    expect(waits(counter, 50)).toEqual([350]);
    expect(waits(counter, 400)).toEqual([200]);
  });

  it("begins a new window with the call that comes after a quiet one", () => {
    const counter = new SlidingCounter({ limit: 2, per: 100, burst: 2 });
    expect(waits(counter, 0, 250, 250)).toEqual([0, 0, 0]);
    expect(counter.available(349)).toBe(0);
    expect(counter.available(400)).toBe(1);
  });

  it("gives nothing back that it does not hold", () => {
    const counter = new SlidingCounter({ limit: 2, per: 100, burst: 2 });
    counter.take(0, 0);
    counter.giveBack();
    counter.giveBack();
    expect(counter.snapshot(0)).toEqual({ used: 0 });
  });

  it("is as far into the new window as it was into the old one when the rate changes", () => {
    const counter = new SlidingCounter({ limit: 10, per: 1_000, burst: 10 });
    for (let taken = 0; taken < 10; taken++) counter.take(0, 0);
    counter.adjust({ limit: 10, per: 100, burst: 10 }, 500);
    expect(counter.take(549, 0)).toBeGreaterThan(0);
    expect(counter.available(560)).toBe(1);
    counter.adjust({ limit: 10, per: 1_000, burst: 10 }, 560);
    expect(counter.available(1_360)).toBe(9);
  });
});
