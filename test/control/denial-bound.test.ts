import { describe, expect, it } from "vitest";
import { DenialBound } from "../../src/control/index.ts";

const flood = (bound: DenialBound, count: number, now: number) =>
  Array.from({ length: count }, () => bound.admits(now)).filter(Boolean).length;

describe("DenialBound", () => {
  it("admits twenty within a minute, and twenty in the next", () => {
    const bound = new DenialBound();
    expect(flood(bound, 20, 0)).toBe(20);
    expect(bound.dueAt).toBeUndefined();
    expect(flood(bound, 20, 60_000)).toBe(20);
  });

  it("counts the rest, and tells of it once, when the minute is over", () => {
    const bound = new DenialBound();
    expect(flood(bound, 100, 5)).toBe(20);
    expect(bound.dueAt).toBe(60_005);
    expect(bound.take(60_004)).toBe(0);
    expect(bound.take(60_005)).toBe(80);
    expect(bound.take(60_006)).toBe(0);
    expect(flood(bound, 1, 60_007)).toBe(1);
  });
});
