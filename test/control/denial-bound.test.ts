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

  it("goes on where another one stood, by bounds of its own", () => {
    const first = new DenialBound({ written: 2, within: 1_000 });
    expect(flood(first, 5, 7)).toBe(2);
    const bound = new DenialBound({ written: 2, within: 1_000, state: first.state });
    expect([flood(bound, 1, 8), bound.isOver(1_006), bound.dueAt]).toEqual([0, false, 1_007]);
    expect([bound.isOver(1_007), bound.take(1_007)]).toEqual([true, 4]);
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
