import { describe, expect, it } from "vitest";
import { AimdLimit } from "../../src/state/aimd-limit.ts";
import type { ConcurrencyLimit, LimitBounds } from "../../src/state/concurrency-limit.ts";
import { GradientLimit } from "../../src/state/gradient-limit.ts";
import { VegasLimit } from "../../src/state/vegas-limit.ts";
import { WindowedLimit } from "../../src/state/windowed-limit.ts";

const bounds: LimitBounds = { initial: 20, minimum: 2, maximum: 100 };

const algorithms: [string, (bounds: LimitBounds) => ConcurrencyLimit][] = [
  ["AimdLimit", (given) => new AimdLimit(given, { decrease: 0.9, increase: 1, slowAfter: 5_000 })],
  ["VegasLimit", (given) => new VegasLimit(given)],
  ["GradientLimit", (given) => new GradientLimit(given, { tolerance: 1.5, smoothing: 0.2, queue: 4 })],
];

/** Calls one after the other that took so long, with so many running. */
function calls(
  limit: ConcurrencyLimit,
  count: number,
  latency: number,
  running: (limit: number) => number,
): void {
  for (let call = 1; call <= count; call++) limit.record(latency, running(limit.limit), false, call * 10_000);
}
const busy = Math.floor;
const half = (limit: number): number => Math.ceil(limit / 2);
const idle = (limit: number): number => Math.ceil(limit / 2) - 1;

describe.each(algorithms)("%s as a concurrency limit", (_, make) => {
  it("begins with its initial limit", () => {
    expect(make(bounds).limit).toBe(20);
  });

  it("grows while calls are quick and at least half of it is used", () => {
    const limit = make(bounds);
    calls(limit, 100, 100, half);
    expect(limit.limit).toBeGreaterThan(22);
  });

  it("does not grow while less than half of it is used, however quick the calls", () => {
    const limit = make(bounds);
    calls(limit, 1_000, 100, idle);
    expect(limit.limit).toBe(20);
  });

  it("stays within its bounds", () => {
    const limit = make(bounds);
    calls(limit, 10_000, 100, busy);
    expect(limit.limit).toBe(100);
    for (let call = 1; call < 1_000; call++) limit.record(1, 50, true, 1e9 + call * 1_000);
    expect(limit.limit).toBe(2);
  });

  it("shrinks when a call was dropped, even if it is idle", () => {
    const limit = make(bounds);
    limit.record(100, 1, false, 0);
    limit.record(1, 1, true, 1_000);
    expect(limit.limit).toBeLessThan(20);
  });

  it("takes the latency of what was dropped for no latency of the service", () => {
    const [limit, twin] = [make(bounds), make(bounds)];
    for (const each of [limit, twin]) calls(each, 20, 100, busy);
    const before = limit.limit;
    limit.record(0.01, 20, true, 1e6);
    const lost = before - limit.limit;
    for (const each of [limit, twin]) calls(each, 20, 100, busy);
    expect(twin.limit - limit.limit).toBeLessThan(lost + 1);
  });
});

describe("AimdLimit", () => {
  const make = () => new AimdLimit(bounds, { decrease: 0.9, increase: 1, slowAfter: 5_000 });

  it("has one more after a round of calls", () => {
    const limit = make();
    calls(limit, 20, 100, busy);
    expect(limit.limit).toBeCloseTo(21, 1);
  });

  it("shrinks when a call took longer than it should, not before", () => {
    const limit = make();
    limit.record(5_000, 1, false, 10_000);
    expect(limit.limit).toBe(20);
    limit.record(5_001, 1, false, 20_000);
    expect(limit.limit).toBe(18);
  });

  it("shrinks once for all the calls that were under way", () => {
    const limit = make();
    for (const latency of [100, 300, 500]) limit.record(latency, 20, true, 1_000);
    limit.record(200, 20, true, 1_200);
    expect(limit.limit).toBe(18);
    limit.record(199, 20, true, 1_200);
    expect(limit.limit).toBeCloseTo(16.2);
  });
});

describe("VegasLimit", () => {
  /** A service that does 20 calls at a time, each in 100 ms, and lets the others queue. */
  const settle = (limit: VegasLimit, steps: number): number[] =>
    Array.from({ length: steps }, () => {
      const running = Math.floor(limit.limit);
      limit.record(100 * Math.max(1, running / 20), running, false);
      return limit.limit;
    });

  it("settles where a few calls queue in the service", () => {
    const limits = settle(new VegasLimit(bounds), 200).slice(50);
    expect(Math.min(...limits)).toBeGreaterThan(20);
    expect(Math.max(...limits)).toBeLessThan(32);
  });

  it.each([
    // latency when the best is 100 and the limit 20, so that the queue is 20 × (1 - 100 / latency)
    [105, 20 + 6 * Math.log10(20)],
    [110, 20 + Math.log10(20)],
    [130, 20],
    [200, 20 - Math.log10(20)],
  ])("after a latency of %i ms has a limit of %f", (latency, expected) => {
    const limit = new VegasLimit(bounds);
    limit.record(100, 1, false);
    limit.record(latency, 20, false);
    expect(limit.limit).toBeCloseTo(expected);
  });

  it("measures the best latency anew by and by: a service that became slower for good is not punished for it", () => {
    const limit = new VegasLimit(bounds);
    limit.record(100, 1, false);
    for (let call = 0; call < 298; call++) limit.record(1_000, 20, false);
    expect(limit.limit).toBeLessThan(7);
    for (let call = 0; call < 10; call++) limit.record(1_000, 20, false);
    expect(limit.limit).toBeGreaterThan(20);
  });
});

describe("GradientLimit", () => {
  const make = () => new GradientLimit(bounds, { tolerance: 1.5, smoothing: 0.2, queue: 4 });

  it("moves a part of the way to the gradient's limit and a queue", () => {
    const limit = make();
    limit.record(100, 20, false);
    expect(limit.limit).toBeCloseTo(20.8);
  });

  it("bears what is within its tolerance and shrinks past it, by half of the smoothing at most", () => {
    const limit = make();
    calls(limit, 2_000, 100, idle);
    limit.record(149, 20, false);
    expect(limit.limit).toBeCloseTo(20.8);
    const other = make();
    calls(other, 2_000, 100, idle);
    other.record(10_000, 20, false);
    expect(other.limit).toBeCloseTo(20 + (20 * 0.5 + 4 - 20) * 0.2);
  });

  it("lets the long-term latency decay when calls have become quick again: a bad hour is soon forgotten", () => {
    const limit = make();
    calls(limit, 2_000, 1_000, idle);
    calls(limit, 40, 100, idle);
    // Six times the latency of now, and yet less than that of the bad hour.
    limit.record(600, 20, false);
    expect(limit.limit).toBeLessThan(20);
  });

  it("does not take twice the latency for a bad hour", () => {
    const limit = make();
    calls(limit, 2_000, 190, idle);
    calls(limit, 40, 100, idle);
    limit.record(250, 20, false);
    expect(limit.limit).toBeGreaterThan(20);
  });

  it("takes the mean of the first calls, so that one slow start is no standard", () => {
    const limit = make();
    limit.record(1_000, 1, false);
    calls(limit, 9, 600, idle);
    limit.record(960, 20, false);
    expect(limit.limit).toBeGreaterThan(20);
    limit.record(1_400, 20, false);
    expect(limit.limit).toBeLessThan(20.8);
  });
});

describe("WindowedLimit", () => {
  type Record = [latency: number, running: number, dropped: boolean, now: number];
  function windowed(): { limit: WindowedLimit; seen: Record[] } {
    const seen: Record[] = [];
    const inner: ConcurrencyLimit = { limit: 7, record: (...args) => seen.push(args) };
    return { limit: new WindowedLimit(inner, { window: 1_000 }), seen };
  }

  it("hands on the mean latency and the most that were running, once the window is over", () => {
    const { limit, seen } = windowed();
    for (let call = 0; call < 10; call++) limit.record(100 + call, call, false, call * 100);
    limit.record(94, 3, false, 999);
    expect(seen).toEqual([]);
    limit.record(110, 2, false, 1_000);
    expect(seen).toEqual([[1_249 / 12, 9, false, 1_000]]);
    expect(limit.limit).toBe(7);
  });

  it("waits for ten calls", () => {
    const { limit, seen } = windowed();
    for (let call = 0; call < 9; call++) limit.record(100, 1, false, call * 1_000);
    expect(seen).toEqual([]);
    limit.record(100, 1, false, 9_000);
    expect(seen).toEqual([[100, 1, false, 9_000]]);
  });

  it("begins anew after each window", () => {
    const { limit, seen } = windowed();
    for (let call = 0; call < 10; call++) limit.record(100, 9, false, 0);
    limit.record(100, 9, false, 1_000);
    for (let call = 0; call < 10; call++) limit.record(50, 2, false, 5_000);
    limit.record(50, 2, false, 5_999);
    expect(seen.length).toBe(1);
    limit.record(50, 2, false, 6_000);
    expect(seen[1]).toEqual([50, 2, false, 6_000]);
  });

  it("hands on what was dropped with few calls too, once, and not as a latency", () => {
    const { limit, seen } = windowed();
    limit.record(100, 4, false, 0);
    for (let call = 0; call < 5; call++) limit.record(1, 5, true, 500);
    limit.record(1, 1, true, 1_000);
    expect(seen).toEqual([
      [100, 5, false, 1_000],
      [0, 5, true, 1_000],
    ]);
    limit.record(1, 1, true, 1_100);
    limit.record(1, 1, true, 2_100);
    expect(seen.slice(2)).toEqual([[0, 1, true, 2_100]]);
  });

  it("takes what is too short to be measured for a tenth of a millisecond", () => {
    const { limit, seen } = windowed();
    for (let call = 0; call < 10; call++) limit.record(0, 1, false, call * 200);
    expect(seen).toEqual([[expect.closeTo(0.1), 1, false, 1_800]]);
  });
});

// What the page on adaptiveLimit says of a demand that never lets up.
describe("before a service that does 50 at a time in 100 ms, under endless demand", () => {
  const most: LimitBounds = { initial: 20, minimum: 1, maximum: 200 };

  it.each<[string, ConcurrencyLimit, number[]]>([
    ["GradientLimit", new GradientLimit(most, { tolerance: 1.5, smoothing: 0.2, queue: 4 }), [67, 120, 200]],
    ["VegasLimit", new VegasLimit(most), [56, 56, 64]],
  ])("%s allows after 1, 5 and 10 minutes", (_, algorithm, expected) => {
    const limit = new WindowedLimit(algorithm, { window: 1_000 });
    const found: number[] = [];
    let now = 0;
    for (const minutes of [1, 5, 10]) {
      while (now < minutes * 60_000) {
        const running = Math.floor(limit.limit);
        const latency = 100 * Math.max(1, running / 50);
        now += latency / running;
        limit.record(latency, running, false, now);
      }
      found.push(Math.round(limit.limit));
    }
    expect(found).toEqual(expected);
  });
});
