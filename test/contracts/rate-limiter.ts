import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Rate, RateLimiter } from "../../src/state/rate-limiter.ts";

export interface RateLimiterContract {
  readonly name: string;
  make(rate: Rate): RateLimiter;
  /** Calls that may go at once when nothing has been taken. */
  atOnce(rate: Rate): number;
  /** The most calls that may go in any `per`. */
  bound(rate: Rate): number;
}

/** A call that comes so many milliseconds after the one before and would wait so many. */
const arrival = fc.record({
  after: fc.integer({ min: 0, max: 60 }),
  patience: fc.integer({ min: 0, max: 200 }),
});
const rate = fc.record({
  limit: fc.integer({ min: 1, max: 8 }),
  per: fc.integer({ min: 1, max: 100 }),
  burst: fc.integer({ min: 1, max: 8 }),
});
const arrivals = fc.array(arrival, { maxLength: 80 });

/** The most of these times, in order, that lie in one span of this length, its end excluded. */
function mostWithin(times: readonly number[], length: number): number {
  return Math.max(
    0,
    ...times.map((begin, first) => {
      return times.slice(first).filter((time) => time < begin + length - 1e-3).length;
    }),
  );
}

/** What every rate limiter promises, whatever its algorithm. */
export function testRateLimiter({ name, make, atOnce, bound }: RateLimiterContract): void {
  const ten: Rate = { limit: 10, per: 1_000, burst: 10 };
  const drained = (given: Rate = ten, now = 0): RateLimiter => {
    const limiter = make(given);
    for (let taken = atOnce(given); taken > 0; taken--) limiter.take(now, 0);
    return limiter;
  };

  describe(`${name} as a rate limiter`, () => {
    it("lets as many go at once as it says, and no more", () => {
      const limiter = make(ten);
      expect(limiter.available(0)).toBe(10);
      for (let left = 10; left > 0; left--) {
        expect(limiter.available(0)).toBe(left);
        expect(limiter.take(0, 0)).toBe(0);
      }
      expect(limiter.available(0)).toBe(0);
      expect(limiter.take(0, 0)).toBeGreaterThan(0);
    });

    it("takes nothing when the wait is longer than the patience", () => {
      const limiter = drained();
      const wait = limiter.take(0, 0);
      for (let tries = 0; tries < 5; tries++) expect(limiter.take(0, wait - 1)).toBe(wait);
      expect(limiter.take(0, wait)).toBe(wait);
    });

    it("lets a call go that comes back when it was told to", () => {
      fc.assert(
        fc.property(rate, arrivals, (given, calls) => {
          const limiter = make(given);
          let now = 0.1;
          for (const { after } of calls) {
            now += after;
            const wait = limiter.take(now, 0);
            if (wait === 0) continue;
            now += wait;
            expect(limiter.take(now, 0)).toBe(0);
          }
        }),
      );
    });

    it("never lets more go in any span than its bound, and lets them go in order", () => {
      fc.assert(
        fc.property(rate, arrivals, (given, calls) => {
          const limiter = make(given);
          const went: number[] = [];
          let now = 0;
          for (const { after, patience } of calls) {
            now += after;
            const wait = limiter.take(now, patience);
            if (wait <= patience) went.push(now + wait);
          }
          expect(went.every((time, call) => call === 0 || time >= (went[call - 1] as number) - 1e-6)).toBe(
            true,
          );
          expect(mostWithin(went, given.per)).toBeLessThanOrEqual(bound(given));
        }),
      );
    });

    it("is full again when nobody has called for long enough", () => {
      expect(drained().available(20_000)).toBe(10);
    });

    it("is as if the last call had never come when its turn is given back", () => {
      fc.assert(
        fc.property(
          rate,
          fc.integer({ min: 1, max: 10 }),
          fc.integer({ min: 1, max: 10 }),
          (given, kept, back) => {
            const [limiter, twin] = [drained(given), drained(given)];
            for (let call = 0; call < kept; call++) {
              limiter.take(0, Infinity);
              twin.take(0, Infinity);
            }
            for (let call = 0; call < back; call++) limiter.take(0, Infinity);
            for (let call = 0; call < back; call++) limiter.giveBack(0);
            expect(limiter.take(0, 0)).toBeCloseTo(twin.take(0, 0), 6);
          },
        ),
      );
    });

    it("stands still when time goes back", () => {
      const limiter = drained(ten, 5_000);
      expect(limiter.take(4_000, 0)).toBeGreaterThan(0);
      expect(limiter.available(5_000)).toBe(0);
    });

    it("keeps what was taken when the limit grows", () => {
      const limiter = make(ten);
      for (let taken = 0; taken < 4; taken++) limiter.take(0, 0);
      limiter.adjust({ limit: 20, per: 1_000, burst: 20 }, 0);
      expect(limiter.available(0)).toBe(16);
    });

    it("has nothing left when the limit shrinks below what was taken, and comes back at the new rate", () => {
      const limiter = drained();
      limiter.adjust({ limit: 2, per: 1_000, burst: 2 }, 0);
      expect(limiter.available(0)).toBe(0);
      const wait = limiter.take(0, 0);
      expect(wait).toBeGreaterThanOrEqual(500);
      expect(wait).toBeLessThanOrEqual(2_000);
    });

    it("restores a snapshot, by way of JSON and on another clock", () => {
      const limiter = make(ten);
      for (let taken = 0; taken < 4; taken++) limiter.take(7_000, 0);
      const other = make(ten);
      other.restore(JSON.parse(JSON.stringify(limiter.snapshot(7_000))), 100);
      expect(other.available(100)).toBe(6);
      expect(other.snapshot(100).used).toBeCloseTo(4, 6);
    });

    it("counts in a snapshot those that wait", () => {
      const limiter = drained();
      limiter.take(0, Infinity);
      const other = make(ten);
      other.restore(limiter.snapshot(0), 0);
      expect(limiter.snapshot(0).used).toBeCloseTo(11, 6);
      expect(other.available(0)).toBe(0);
      expect(other.take(0, 0)).toBeGreaterThan(0);
    });
  });
}
