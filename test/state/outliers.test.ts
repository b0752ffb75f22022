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

  describe("compared", () => {
    const limits = { hosts: 5, calls: 100, deviations: 1.9, ejectFor: 30_000, longest: 300_000, share: 0.5 };
    /** Hosts after so many calls each, of which so many failed, never five in a row. */
    const compared = (calls: readonly number[], failed: readonly number[], more: object = {}) => {
      const { outliers, all, out } = hosts(calls.length);
      expect(outliers.isDue(0, 10_000)).toBe(false);
      for (const [index, host] of all.entries()) {
        for (let call = 0; call < (calls[index] as number); call++) {
          if (call < (failed[index] as number)) outliers.fail(host, 0, { ...envoy, failures: 1_000 });
          else outliers.succeed(host, 0);
        }
      }
      expect([outliers.isDue(9_999, 10_000), outliers.isDue(10_000, 10_000)]).toEqual([false, true]);
      const ejected = outliers.compare(10_000, { ...limits, ...more });
      expect(outliers.isDue(19_999, 10_000)).toBe(false);
      const isOut = out(10_000).flatMap((each, index) => (each ? [index] : []));
      expect([...ejected]).toEqual(isOut.map((index) => [all[index], 30_000]));
      return { outliers, all, out: isOut };
    };
    const all = (count: number, each: number): number[] => Array(count).fill(each);

    it.each<[string, number[], number[], object, number[]]>([
      ["one that fails far more often than the others", all(6, 100), [1, 2, 1, 40, 2, 1], {}, [3]],
      ["nobody where all are alike", all(7, 110), all(7, 11), {}, []],
      ["nobody where they differ a little", all(5, 100), [3, 5, 4, 6, 5], {}, []],
      ["nobody where there are too few", all(4, 100), [0, 0, 0, 90], {}, []],
      ["nobody who had too few calls, nor does it count", [100, 100, 100, 100, 99], [0, 0, 0, 0, 99], {}, []],
      [
        "by other limits, if there are",
        all(4, 50),
        [0, 0, 0, 40],
        { hosts: 4, calls: 50, deviations: 1 },
        [3],
      ],
      ["no more than may be out", all(20, 100), [...all(18, 0), 90, 95], { share: 0.05 }, [18]],
    ])("leave out %s", (_, calls, failed, more, expected) => {
      expect(compared(calls, failed, more).out).toEqual(expected);
    });

    it("begin anew each time, and leave alone who is out already", () => {
      const { outliers, all: each, out } = compared(all(6, 100), [1, 2, 1, 40, 2, 1]);
      expect(out).toEqual([3]);
      expect(each.map(({ calls }) => calls)).toEqual(all(6, 0));
      outliers.succeed(each[3] as Outlier, 10_001);
      expect(each[3]?.calls).toBe(0);
      outliers.compare(20_000, limits);
      expect(each.map((host) => host.ejections)).toEqual([0, 0, 0, 1, 0, 0]);
    });

    it("count for how long one is left out, as failures in a row do", () => {
      const { outliers, all: each } = compared(all(6, 100), [1, 2, 1, 40, 2, 1]);
      const host = each[3] as Outlier;
      expect(host.until).toBe(40_000);
      expect(outliers.fail(host, 40_000, { ...envoy, failures: 1 })).toBe(60_000);
    });
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
