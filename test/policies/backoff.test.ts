import { type Backoff, constant, exponential, linear } from "ninelives";
import { seededRandom } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { checkJitter, type Jitter, spread } from "../../src/policies/backoff.ts";

describe("back-off", () => {
  it.each<[string, Backoff, number[]]>([
    ["constant", constant("50ms"), [50, 50, 50, 50]],
    ["linear", linear("50ms"), [50, 100, 150, 200]],
    ["exponential", exponential("50ms"), [50, 100, 200, 400]],
    ["exponential by 3", exponential(10, { factor: 3 }), [10, 30, 90, 270]],
    ["exponential by 1", exponential(10, { factor: 1 }), [10, 10, 10, 10]],
  ])("%s", (_, backoff, delays) => {
    expect([1, 2, 3, 4].map((attempt) => backoff.delay(attempt))).toEqual(delays);
  });

  it.each<[string, () => unknown, string]>([
    ["constant", () => constant("1x" as "1s"), "constant: delay"],
    ["linear", () => linear(-1), "linear: step"],
    ["exponential", () => exponential(Number.NaN), "exponential: first"],
    ["exponential's factor", () => exponential(1, { factor: 0.5 }), "exponential: factor"],
    ["exponential's factor", () => exponential(1, { factor: 101 }), "exponential: factor"],
  ])("%s refuses what will not do, by name", (_, make, option) => {
    expect(make).toThrow(RangeError);
    expect(make).toThrow(option);
  });
});

describe("jitter", () => {
  it.each<[Jitter, number, number]>([
    ["none", 1_000, 1_000],
    ["full", 0, 1_000],
    ["equal", 500, 1_000],
    [0.3, 700, 1_300],
    [0, 1_000, 1_000],
    [1, 0, 2_000],
  ])("%s spreads a second from %d to %d ms", (jitter, least, most) => {
    expect(spread(1_000, jitter, () => 0)).toBeCloseTo(least);
    expect(spread(1_000, jitter, () => 0.5)).toBeCloseTo((least + most) / 2);
    const random = seededRandom(1);
    for (let call = 0; call < 100; call++) {
      const delay = spread(1_000, jitter, random);
      expect(delay).toBeGreaterThanOrEqual(least);
      expect(delay).toBeLessThanOrEqual(most);
    }
  });

  it.each([
    ["some", TypeError, '"some"'],
    [null, TypeError, "null"],
    [1.1, RangeError, "1.1"],
    [-0.1, RangeError, "-0.1"],
  ])("refuses %j", (jitter, type, quoted) => {
    const check = () => checkJitter(jitter as Jitter);
    expect(check).toThrow(type);
    expect(check).toThrow(`but is ${quoted}`);
    expect(check).toThrow("retry: jitter");
  });
});
