import { describe, expect, it } from "vitest";
import { RecentLatencies } from "../../src/state/recent-latencies.ts";

const record = (latencies: RecentLatencies, count: number, ms: number): void => {
  for (let call = 0; call < count; call++) latencies.record(ms, 100);
};

/** Within the 1.1 % that a sketch may be off. */
const about = (ms: number) => expect.toSatisfy((value: number) => Math.abs(value - ms) <= ms * 0.02);

describe("recent latencies", () => {
  it("have no quantile without calls", () => {
    const latencies = new RecentLatencies();
    expect(latencies.seen).toBe(0);
    expect(latencies.quantile(0.5)).toBeNull();
  });

  it("have the quantiles of what was recorded", () => {
    const latencies = new RecentLatencies();
    record(latencies, 95, 10);
    record(latencies, 5, 1_000);
    expect(latencies.quantile(0.95)).toEqual(about(10));
    expect(latencies.quantile(0.96)).toEqual(about(1_000));
    expect(latencies.quantile(0.5)).toEqual(about(10));
  });

  it("forget a half when the newer half is full", () => {
    const latencies = new RecentLatencies();
    record(latencies, 200, 1_000);
    record(latencies, 1, 10);
    expect(latencies.quantile(0.02)).toEqual(about(1_000));
    expect(latencies.seen).toBe(201);
    record(latencies, 99, 10);
    expect(latencies.quantile(0.6)).toEqual(about(1_000));
    record(latencies, 100, 10);
    expect(latencies.quantile(1)).toEqual(about(10));
  });

  it("work a quantile out anew once in sixteen calls", () => {
    const latencies = new RecentLatencies();
    record(latencies, 1, 10);
    expect(latencies.quantile(1)).toEqual(about(10));
    record(latencies, 15, 1_000);
    expect(latencies.quantile(1)).toEqual(about(10));
    record(latencies, 1, 1_000);
    expect(latencies.quantile(1)).toEqual(about(1_000));
  });
});
