import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Histogram } from "../../src/state/histogram.ts";

describe("Histogram", () => {
  it("puts a value into the first bucket whose bound it does not pass", () => {
    const histogram = new Histogram([1, 5]);
    for (const value of [0, 1, 1.01, 5, 5.01, 1_000]) histogram.record(value);
    expect(histogram.counts).toEqual([2, 2, 2]);
    expect(histogram.sum).toBeCloseTo(1_012.02);
  });

  it("keeps the newest exemplar of each bucket", () => {
    const histogram = new Histogram([1, 5]);
    const exemplar = (value: number) => ({ traceId: "4bf92f3577b34da6a3ce929d0e0e4736", value, at: 0 });
    histogram.record(2, exemplar(2));
    histogram.record(3, exemplar(3));
    histogram.record(4);
    expect(histogram.exemplars[0]).toBeUndefined();
    expect(histogram.exemplars[1]).toEqual(exemplar(3));
  });

  it("counts every value once, whatever they are, and restores through JSON", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 100, noNaN: true })), (values) => {
        const histogram = new Histogram([0.1, 1, 10]);
        for (const value of values) histogram.record(value);
        expect(histogram.counts.reduce((sum, count) => sum + count, 0)).toBe(values.length);
        const other = new Histogram([0.1, 1, 10]);
        other.restore(JSON.parse(JSON.stringify(histogram.snapshot())));
        expect(other.snapshot()).toEqual(histogram.snapshot());
      }),
    );
  });

  it("leaves a snapshot with other bounds alone", () => {
    const histogram = new Histogram([1, 5]);
    histogram.record(2);
    histogram.restore({ counts: [1, 1], sum: 9 });
    expect(histogram.snapshot()).toEqual({ counts: [0, 1, 0], sum: 2 });
  });
});
