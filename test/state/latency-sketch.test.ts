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

  it("tells p99.9 of thousands of calls to 2 %, in whatever parts they were counted", () => {
    // Most calls are quick, a few are very slow: what p99.9 is asked for.
    const slow = fc.double({ min: 1_000, max: 600_000, noNaN: true });
    const quick = fc.double({ min: 0.5, max: 200, noNaN: true });
    const many = fc.array(fc.oneof({ weight: 199, arbitrary: quick }, { weight: 1, arbitrary: slow }), {
      minLength: 2_000,
      maxLength: 3_000,
      size: "max",
    });
    fc.assert(
      fc.property(many, fc.integer({ min: 1, max: 16 }), (latencies, parts) => {
        const merged = new LatencySketch();
        for (let part = parts - 1; part >= 0; part--)
          merged.merge(of(latencies.filter((_, index) => index % parts === part)));
        const sorted = latencies.toSorted((a, b) => a - b);
        for (const q of [0.5, 0.9, 0.99, 0.999]) {
          const exact = sorted[Math.ceil(q * sorted.length) - 1] as number;
          const told = merged.quantile(q) as number;
          expect(Math.abs(told - exact) / exact).toBeLessThanOrEqual(0.02);
        }
        expect(merged.snapshot()).toEqual(of(latencies).snapshot());
      }),
      { numRuns: 50 },
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
});
