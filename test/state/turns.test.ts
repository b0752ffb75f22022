import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SlidingLog } from "../../src/state/sliding-log.ts";
import { TokenBucket } from "../../src/state/token-bucket.ts";
import { type Turn, Turns } from "../../src/state/turns.ts";

/** One call each 100 ms. */
const slow = { limit: 1, per: 100, burst: 1 };
const patient = 100_000;

/** Turns of which the first `taken` are taken at 0, with what was promised for each but the first. */
function promised(taken: number): { turns: Turns; promises: Turn[] } {
  const turns = new Turns(new TokenBucket(slow));
  const promises: Turn[] = [];
  for (let call = 0; call < taken; call++) {
    if (turns.take(0, patient, 0) > 0) promises.push(turns.latest as Turn);
  }
  return { turns, promises };
}

describe("Turns", () => {
  it("promises the limiter's times", () => {
    const { turns, promises } = promised(4);
    expect(promises.map(({ at }) => at)).toEqual([100, 200, 300]);
    expect(turns.take(0, 399, 0)).toBe(400);
    expect(turns.take(0, 400, 0)).toBe(400);
    expect(turns.latest?.at).toBe(400);
    expect(turns.take(0, 0, 0)).toBe(500);
  });

  it("promises nothing to a call that goes at once", () => {
    expect(promised(1).turns.latest).toBeUndefined();
  });

  it("gives a turn that was given back to the next call that comes, and the others keep theirs", () => {
    const { turns, promises } = promised(4);
    turns.giveBack(promises[1] as Turn, 50);
    expect(turns.take(60, patient, 0)).toBe(140);
    expect(turns.latest?.at).toBe(200);
    expect(turns.take(60, patient, 0)).toBe(340);
  });

  it("tells a call without the patience when the turn that was given back would be", () => {
    const { turns, promises } = promised(4);
    turns.giveBack(promises[1] as Turn, 50);
    expect(turns.take(60, 100, 0)).toBe(140);
    expect(turns.take(60, 140, 0)).toBe(140);
    expect(turns.take(60, 0, 0)).toBe(340);
  });

  it("lets a call go at once that comes at the very time of a turn that was given back", () => {
    const { turns, promises } = promised(4);
    turns.giveBack(promises[1] as Turn, 50);
    expect(turns.take(200, 0, 0)).toBe(0);
    expect(turns.take(200, 0, 0)).toBe(200);
  });

  it("gives the limiter back what nobody waits behind any more", () => {
    const { turns, promises } = promised(4);
    for (const turn of promises) turns.giveBack(turn, 0);
    expect(turns.limiter.snapshot(0)).toEqual({ used: 1 });
    expect(turns.take(0, patient, 0)).toBe(100);
  });

  it("loses a turn whose time passed while others waited behind it, and makes no burst of it", () => {
    const { turns, promises } = promised(4);
    turns.giveBack(promises[0] as Turn, 50);
    expect(turns.take(150, patient, 0)).toBe(250);
  });

  it("lets nothing go in a pause, and then at the limiter's pace", () => {
    const turns = new Turns(new TokenBucket({ limit: 2, per: 100, burst: 2 }));
    expect([1, 2, 3].map(() => turns.take(0, patient, 500))).toEqual([500, 500, 550]);
    expect(turns.take(0, 499, 500)).toBe(600);
    expect(turns.take(100, patient, 500)).toBe(500);
    expect(turns.latest?.at).toBe(600);
    expect(turns.take(500, 0, 500)).toBe(150);
  });

  it("keeps a turn before the end of a pause from the next call", () => {
    const { turns, promises } = promised(3);
    turns.giveBack(promises[0] as Turn, 0);
    expect(turns.take(0, patient, 101)).toBe(300);
    expect(turns.take(0, patient, 100)).toBe(100);
  });

  it("says more than the patience exactly when nothing was taken, whatever the sums are off by", () => {
    const calls = fc.array(
      fc.record({ after: fc.double({ min: 0, max: 50, noNaN: true }), back: fc.boolean() }),
    );
    fc.assert(
      fc.property(
        calls,
        fc.double({ min: 0, max: 500, noNaN: true }),
        fc.nat(3_000),
        (list, patience, from) => {
          const limiter = new SlidingLog({ limit: 3, per: 100, burst: 3 });
          const turns = new Turns(limiter);
          let now = 0;
          for (const { after } of list) {
            now += after;
            const before = limiter.snapshot(now).used;
            const wait = turns.take(now, patience, from);
            expect(limiter.snapshot(now).used - before).toBe(wait <= patience ? 1 : 0);
          }
        },
      ),
    );
  });

  it("never lets more go in any span than the limiter would, whoever gives up", () => {
    const call = fc.record({
      after: fc.integer({ min: 0, max: 80 }),
      giveUp: fc.option(fc.integer({ min: 0, max: 400 })),
    });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
        const turns = new Turns(new SlidingLog({ limit: 2, per: 100, burst: 2 }));
        const waiting: { turn: Turn; until: number }[] = [];
        const went: number[] = [];
        let now = 0;
        const settle = (): void => {
          for (const each of [...waiting].sort((a, b) => a.until - b.until)) {
            if (each.until > now || each.turn.at <= each.until) continue;
            turns.giveBack(each.turn, each.until);
            waiting.splice(waiting.indexOf(each), 1);
          }
        };
        for (const { after, giveUp } of calls) {
          now += after;
          settle();
          if (turns.take(now, patient, 0) === 0) went.push(now);
          else waiting.push({ turn: turns.latest as Turn, until: giveUp === null ? Infinity : now + giveUp });
        }
        now = Infinity;
        settle();
        went.push(...waiting.map(({ turn }) => turn.at));
        went.sort((a, b) => a - b);
        for (const [index, time] of went.entries())
          expect(went[index + 2] ?? Infinity).toBeGreaterThan(time + 99.9);
      }),
    );
  });
});
