import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CheckedHealth } from "../../src/state/checked-health.ts";
import { type Outlier, type OutlierLimits, Outliers } from "../../src/state/outliers.ts";
import { PeakLatency } from "../../src/state/peak-latency.ts";

/** Envoy's defaults. */
const envoy: OutlierLimits = { failures: 5, ejectFor: 30_000, longest: 300_000, share: 0.1 };

function hosts(count: number) {
  const outliers = new Outliers();
  const all = Array.from({ length: count }, () => outliers.join());
  const fail = (index: number, now: number, times = 5, limits = envoy) => {
    let ms = 0;
    for (let call = 0; call < times; call++) ms += outliers.fail(all[index] as Outlier, now, limits);
    return ms;
  };
  return { outliers, all, fail, out: (now: number) => all.map((host) => host.isOut(now)) };
}

describe("Outliers", () => {
  it("leaves out a host at the fifth failure in a row, for 30 s", () => {
    const { outliers, all, fail, out } = hosts(2);
    expect(fail(0, 0, 4)).toBe(0);
    outliers.succeed(all[0] as Outlier, 0);
    expect(fail(0, 0, 4)).toBe(0);
    expect(fail(0, 7, 1)).toBe(30_000);
    expect([out(7), out(30_006), out(30_007)]).toEqual([
      [true, false],
      [true, false],
      [false, false],
    ]);
  });

  it("counts from nothing when the host is back, whatever came in meanwhile", () => {
    const { outliers, all, fail } = hosts(1);
    fail(0, 0);
    expect(fail(0, 10, 20)).toBe(0);
    outliers.succeed(all[0] as Outlier, 20);
    expect(fail(0, 30_000, 4)).toBe(0);
    expect(fail(0, 30_000, 1)).toBe(60_000);
  });

  it.each([
    ["at once", [0, 0, 0], [30_000, 60_000, 90_000]],
    ["an interval later each time", [0, 10_000, 10_000], [30_000, 30_000, 30_000]],
    ["just before it", [0, 9_999, 9_999], [30_000, 60_000, 90_000]],
    [
      "up to five minutes",
      Array(12).fill(0),
      [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300].map((s) => s * 1_000),
    ],
  ])("leaves out for longer each time that a host fails again %s", (_, waits, expected) => {
    const { all, fail } = hosts(1);
    const [host] = all as [Outlier];
    let now = 0;
    const times = waits.map((wait: number) => {
      now = Math.max(now, host.until) + wait;
      return fail(0, now);
    });
    expect(times).toEqual(expected);
  });

  it("never leaves out for less than the first time, whatever the longest is", () => {
    expect(hosts(1).fail(0, 0, 5, { ...envoy, longest: 1 })).toBe(30_000);
  });

  it.each([
    [1, 1],
    [2, 1],
    [19, 1],
    [20, 2],
    [35, 3],
  ])("of %i hosts leaves out %i at most at a time", (count, most) => {
    const { all, fail, out } = hosts(count);
    for (const index of all.keys()) fail(index, 0);
    expect(out(0).filter(Boolean)).toHaveLength(most);
    // The next one's turn comes with its next failure, once a place is free.
    expect(fail(count - 1, 30_000, 1) > 0).toBe(count > most);
  });

  it("keeps the share whatever happens in whatever order", () => {
    const step = fc.record({ host: fc.nat(11), ok: fc.boolean(), after: fc.nat(20_000) });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (steps, share) => {
          const { outliers, all, out } = hosts(12);
          let now = 0;
          for (const { host, ok, after } of steps) {
            now += after;
            const each = all[host] as Outlier;
            if (ok) outliers.succeed(each, now);
            else
              expect(outliers.fail(each, now, { ...envoy, failures: 2, share })).toBeLessThanOrEqual(300_000);
            expect(out(now).filter(Boolean).length).toBeLessThanOrEqual(Math.max(1, Math.floor(share * 12)));
          }
        },
      ),
    );
  });
});

describe("PeakLatency", () => {
  it("goes up at once and down slowly", () => {
    const latency = new PeakLatency();
    expect(latency.known).toBe(false);
    latency.record(10, 0);
    latency.record(500, 0);
    expect([latency.known, latency.now(0)]).toEqual([true, 500]);
    latency.record(10, 10_000);
    expect(latency.now(10_000)).toBeCloseTo(10 + 490 / Math.E, 6);
  });

  it("forgets one that is not asked", () => {
    const latency = new PeakLatency();
    latency.record(500, 0);
    expect(latency.now(10_000)).toBeCloseTo(500 / Math.E, 6);
  });
});

describe("CheckedHealth", () => {
  it.each([
    ["fff", "ttf"],
    ["ffsff", "ttttt"],
    ["fffs", "ttff"],
    ["fffss", "ttfft"],
    ["fffsfss", "ttfffft"],
  ])("after checks %s is %s", (checks, expected) => {
    const health = new CheckedHealth();
    const seen = [...checks].map((check) => {
      health.record(check === "s", 3, 2);
      return health.healthy ? "t" : "f";
    });
    expect(seen.join("")).toBe(expected);
  });

  it("says when it turns, and only then", () => {
    const health = new CheckedHealth();
    expect([false, false, true, false, true].map((ok) => health.record(ok, 1, 1))).toEqual([
      true,
      false,
      true,
      true,
      true,
    ]);
  });
});
