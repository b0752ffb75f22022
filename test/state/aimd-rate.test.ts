import { describe, expect, it } from "vitest";
import { AimdRate } from "../../src/state/aimd-rate.ts";

const per = 1_000;
const rate = () => new AimdRate({ decrease: 0.5, increase: 0.1, minimum: 0.2 });

describe("AimdRate", () => {
  it("begins with all of the rate and no pause", () => {
    const all = rate();
    expect(all.share(per, 0)).toBe(1);
    expect(all.pausedUntil).toBe(-Infinity);
  });

  it("goes down by a factor and up by a step for each span, at the end of it", () => {
    const lowered = rate();
    lowered.lower(0, 100);
    expect(lowered.share(per, 100)).toBe(0.5);
    expect(lowered.share(per, 1_099)).toBe(0.5);
    expect(lowered.share(per, 1_100)).toBeCloseTo(0.6);
    expect(lowered.share(per, 2_099)).toBeCloseTo(0.6);
    expect(lowered.share(per, 3_100)).toBeCloseTo(0.8);
    expect(lowered.share(per, 60_000)).toBe(1);
    expect(lowered.share(per, 60_001)).toBe(1);
  });

  it("goes down once for all the calls that were under way", () => {
    const lowered = rate();
    lowered.lower(0, 100);
    for (const began of [0, 50, 100]) lowered.lower(began, 200);
    expect(lowered.share(per, 200)).toBe(0.5);
    lowered.lower(101, 300);
    expect(lowered.share(per, 300)).toBe(0.25);
  });

  it("keeps its minimum", () => {
    const lowered = rate();
    for (let call = 1; call < 9; call++) lowered.lower(call * 10, call * 10 + 1);
    expect(lowered.share(per, 100)).toBe(0.2);
  });

  it("recovers from the end of a pause, and a shorter one does not cut it", () => {
    const paused = rate();
    paused.pause(5_000, 0);
    paused.pause(10, 100);
    paused.lower(0, 100);
    expect(paused.pausedUntil).toBe(5_000);
    expect(paused.share(per, 5_999)).toBe(0.5);
    expect(paused.share(per, 6_000)).toBeCloseTo(0.6);
    paused.pause(5_000, 6_500);
    expect(paused.share(per, 11_500)).toBeCloseTo(0.6);
    expect(paused.share(per, 12_500)).toBeCloseTo(0.7);
  });
});
