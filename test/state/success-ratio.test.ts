import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RollingSum } from "../../src/state/rolling-sum.ts";
import { SuccessRatio } from "../../src/state/success-ratio.ts";

describe("RollingSum", () => {
  it("forgets a tenth of its span at a time", () => {
    const sum = new RollingSum(1_000);
    sum.add(1, 0);
    sum.add(2, 150);
    expect(sum.sum(999)).toBe(3);
    expect(sum.sum(1_000)).toBe(2);
    expect(sum.sum(1_099)).toBe(2);
    expect(sum.sum(1_100)).toBe(0);
  });

  it("adds to the time in which something happened, and nothing that is out of sight", () => {
    const sum = new RollingSum(1_000);
    sum.add(1, 900);
    sum.add(4, 250);
    sum.add(8, 900);
    expect(sum.sum(1_199)).toBe(13);
    expect(sum.sum(1_200)).toBe(9);
    sum.add(2, 200);
    expect(sum.sum(1_200)).toBe(9);
  });

  it("stands still when time goes back", () => {
    const sum = new RollingSum(1_000);
    sum.add(1, 5_000);
    expect(sum.sum(100)).toBe(1);
  });

  it("is what a list of the last calls would say", () => {
    const adds = fc.array(fc.record({ after: fc.nat(700), late: fc.nat(1_500) }));
    fc.assert(
      fc.property(adds, (list) => {
        const sum = new RollingSum(1_000);
        const all: number[] = [];
        let now = 0;
        for (const { after, late } of list) {
          now += after;
          const at = Math.max(0, now - late);
          sum.sum(now);
          sum.add(1, at);
          all.push(Math.floor(at / 100));
          expect(sum.sum(now)).toBe(all.filter((slice) => slice > Math.floor(now / 100) - 10).length);
        }
      }),
    );
  });
});

describe("SuccessRatio", () => {
  /** After so many calls at 0, of which so many were refused. */
  function ratioOf(calls: number, refused: number): SuccessRatio {
    const ratio = new SuccessRatio(1_000);
    for (let call = 0; call < calls; call++) {
      ratio.begin(0);
      if (call < refused) ratio.refuse(0);
    }
    return ratio;
  }

  it.each([
    // calls, refused, k, probability: max(0, (requests - k × accepts) / (requests + 1))
    [100, 0, 2, 0],
    [100, 50, 2, 0],
    [99, 59, 2, 0.19],
    [99, 99, 2, 0.9],
    [99, 59, 1, 0.59],
    [99, 59, 1.5, 0.39],
  ])("after %i calls with %i refused and K %f refuses with probability %f", (calls, refused, k, expected) => {
    expect(ratioOf(calls, refused).rejection(k, 0.9, 10, 0)).toBeCloseTo(expected);
  });

  it("says nothing before the minimum of calls", () => {
    expect(ratioOf(9, 9).rejection(2, 0.9, 10, 0)).toBe(0);
    expect(ratioOf(10, 10).rejection(2, 0.9, 10, 0)).toBe(0.9);
  });

  it("takes a call under way for accepted, and one that was withdrawn for none", () => {
    const ratio = ratioOf(10, 5);
    expect(ratio.rejection(1, 0.9, 10, 0)).toBeCloseTo(5 / 11);
    for (let call = 0; call < 10; call++) ratio.begin(0);
    expect(ratio.rejection(1, 0.9, 10, 0)).toBeCloseTo(5 / 21);
    for (let call = 0; call < 10; call++) ratio.withdraw(0);
    expect(ratio.rejection(1, 0.9, 10, 0)).toBeCloseTo(5 / 11);
  });

  it("forgets a refusal with its call, however late it came", () => {
    const ratio = new SuccessRatio(1_000);
    for (let call = 0; call < 20; call++) ratio.begin(0);
    for (let call = 0; call < 20; call++) ratio.begin(900);
    for (let call = 0; call < 20; call++) ratio.refuse(0);
    expect(ratio.rejection(1, 0.9, 10, 999)).toBeCloseTo(20 / 41);
    expect(ratio.rejection(1, 0.9, 10, 1_000)).toBe(0);
  });
});
