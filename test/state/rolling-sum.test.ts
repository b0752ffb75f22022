import { describe, expect, it } from "vitest";
import { RollingSum } from "../../src/state/rolling-sum.ts";

describe("rolling sum", () => {
  it("adds up what is younger than its span", () => {
    const sum = new RollingSum(1_000);
    sum.add(1, 0);
    sum.add(2, 500);
    sum.add(4, 999);
    expect(sum.sum(999)).toBe(7);
  });

  it("forgets a tenth of its span at a time", () => {
    const sum = new RollingSum(1_000);
    sum.add(1, 50);
    sum.add(2, 100);
    expect(sum.sum(999)).toBe(3);
    expect(sum.sum(1_000)).toBe(2);
    expect(sum.sum(1_099)).toBe(2);
    expect(sum.sum(1_100)).toBe(0);
  });

  it("is empty after a long time, and counts on from there", () => {
    const sum = new RollingSum(1_000);
    for (let now = 0; now < 1_000; now += 10) sum.add(1, now);
    expect(sum.sum(990)).toBe(100);
    sum.add(5, 1_000_000);
    expect(sum.sum(1_000_000)).toBe(5);
  });

  it("begins at any time", () => {
    const sum = new RollingSum(1_000);
    sum.add(3, 123_456_789.5);
    expect(sum.sum(123_456_789.5)).toBe(3);
  });

  it("counts what happened before what was added last at its own time, unless that is over", () => {
    const sum = new RollingSum(1_000);
    sum.add(1, 5_000);
    sum.add(2, 4_500);
    sum.add(4, 3_999);
    expect(sum.sum(4_000)).toBe(3);
    expect(sum.sum(5_499)).toBe(3);
    expect(sum.sum(5_500)).toBe(1);
  });
});

describe("a rolling sum over another span", () => {
  it("keeps what the span reaches, and forgets it in its turn", () => {
    const sum = new RollingSum(1_000);
    for (let at = 50; at < 1_000; at += 100) sum.add(1, at);
    sum.resize(10_000, 999);
    expect([sum.sum(999), sum.sum(9_999), sum.sum(10_000)]).toEqual([10, 10, 0]);
  });

  it("drops what is beyond a shorter span", () => {
    const sum = new RollingSum(10_000);
    for (let at = 500; at < 10_000; at += 1_000) sum.add(1, at);
    sum.resize(5_000, 9_999);
    expect(sum.sum(9_999)).toBe(5);
    expect(sum.sum(12_000)).toBe(3);
    sum.add(2, 12_000);
    expect(sum.sum(12_000)).toBe(5);
  });

  it("is the same where the span is", () => {
    const sum = new RollingSum(1_000);
    sum.add(1, 10);
    sum.resize(1_000, 990);
    expect([sum.sum(999), sum.sum(1_000)]).toEqual([1, 0]);
  });
});
