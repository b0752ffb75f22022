import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LatencySketch } from "../../src/state/latency-sketch.ts";

const of = (latencies: readonly number[]): LatencySketch => {
  const sketch = new LatencySketch();
  for (const ms of latencies) sketch.record(ms);
  return sketch;
};
const latency = fc.double({ min: 0.01, max: 3_600_000, noNaN: true });
const some = fc.array(latency, { minLength: 1, maxLength: 50 });

describe("LatencySketch", () => {
  it("of no call knows no quantile", () => {
    expect(new LatencySketch().quantile(0.5)).toBeNull();
    expect(new LatencySketch().countUpTo(1e9)).toBe(0);
  });

  it("tells every quantile to 2 %", () => {
    fc.assert(
      fc.property(some, fc.double({ min: 0, max: 1, noNaN: true }), (latencies, q) => {
        const exact = latencies.toSorted((a, b) => a - b)[
          Math.max(0, Math.ceil(q * latencies.length) - 1)
        ] as number;
        const told = of(latencies).quantile(q) as number;
        expect(Math.abs(told - exact) / exact).toBeLessThanOrEqual(0.02);
      }),
    );
  });

  it("merges exactly, whatever the order", () => {
    fc.assert(
      fc.property(some, some, (left, right) => {
        const [merged, other] = [of(left), of(right)];
        merged.merge(of(right));
        other.merge(of(left));
        const all = of([...left, ...right]);
        expect(merged.count).toBe(all.count);
        const sorted = ({ snapshot }: { snapshot: readonly (readonly [number, number])[] }) =>
          snapshot.toSorted(([a], [b]) => a - b);
        expect(sorted({ snapshot: merged.snapshot() })).toEqual(sorted({ snapshot: all.snapshot() }));
        expect(sorted({ snapshot: other.snapshot() })).toEqual(sorted({ snapshot: all.snapshot() }));
      }),
    );
  });

  it("restores what it remembered, and nothing else", () => {
    const sketch = of([1, 2, 300]);
    const other = of([5_000, 6_000]);
    other.restore(JSON.parse(JSON.stringify(sketch.snapshot())));
    expect([other.count, other.quantile(1)]).toEqual([3, sketch.quantile(1)]);
    expect(other.snapshot()).toEqual(sketch.snapshot());
  });

  it("takes what is out of its bounds for its bounds", () => {
    const sketch = of([0, -5, 1e12]);
    expect(sketch.quantile(0)).toBeCloseTo(0.01, 3);
    expect((sketch.quantile(1) as number) / 3_600_000).toBeCloseTo(1, 1);
  });

  it.each([
    [9, 0],
    [11, 1],
    [95, 1],
    [105, 2],
    [1e7, 3],
  ])("counts calls of up to %d ms: %d of 10, 100 and 1000 ms", (ms, calls) => {
    expect(of([10, 100, 1_000]).countUpTo(ms)).toBe(calls);
  });
});
