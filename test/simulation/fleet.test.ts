import { describe, expect, it } from "vitest";
import { runFleet } from "./fleet.ts";
import { runWhole } from "./fleet-whole.ts";
import { sharedFleets } from "./shared-fleets.ts";

const fleet = { isolates: 10, regions: 0, dead: 35_000, seen: 1, shared: true, seed: 1 };

describe("a fleet whose origin dies", () => {
  it("does as it does when every call is made with the policies themselves", {
    timeout: 60_000,
  }, async () => {
    const drawn = runFleet(fleet);
    const whole = await runWhole(fleet.isolates, fleet.dead, fleet.seed);
    const within = (one: number, other: number, part: number): void =>
      expect(Math.abs(one / other - 1)).toBeLessThan(part);
    within(drawn.calm.all, whole.calm, 0.1);
    within(drawn.wasted.first + drawn.wasted.later, whole.wasted, 0.02);
    within(drawn.recovery.median, whole.recovery, 0.1);
    expect(drawn.refusal.p99).toBeLessThan(500);
    expect(whole.refusal.p99).toBeLessThan(500);
  });

  it("sends it two probes where each isolate alone would send one", () => {
    const alone = runFleet({ ...fleet, isolates: 50, shared: false });
    expect(alone.wasted.later).toBe(50);
    expect(runFleet({ ...fleet, isolates: 50 }).wasted.later).toBe(2);
  });

  it.each([
    [0, "one object"],
    [3, "regions: replicas with calls waiting asked again and again while the root was asked"],
  ])(
    "asks no object for more than 200 reports in any second, of 400 isolates: %d regions (%s)",
    { timeout: 60_000 },
    (regions) => {
      const { peak } = runFleet({ ...fleet, isolates: 400, regions });
      expect(Math.max(peak.calm, peak.after)).toBeLessThanOrEqual(200);
    },
  );

  it("is asked no more when all isolates begin at once, where regions have homes", () => {
    const cold = { ...fleet, isolates: 1_000, cold: true };
    expect(runFleet({ ...cold, regions: 2 }).peak.start).toBeLessThanOrEqual(200);
    // One object hears of each for the first time.
    expect(runFleet(cold).peak.start).toBe(1_000);
  });

  it("tells those that see nothing sooner where regions have homes", { timeout: 60_000 }, () => {
    const seen = { ...fleet, isolates: 600, seen: 0.6 };
    const [one, regions] = [runFleet({ ...seen }), runFleet({ ...seen, regions: 3 })];
    expect(regions.news.p99).toBeLessThan(one.news.p99);
  });

  it("is the same for the same seed", () => {
    expect(runFleet(fleet)).toEqual(runFleet(fleet));
  });

  it("makes an experiment of four tables and a plot", async () => {
    const { table, svg, violations } = await sharedFleets([10, 20]);
    expect(violations).toEqual([]);
    expect(table.split("\n\n")).toHaveLength(4);
    expect(`${table}${svg}`).not.toContain("NaN");
  });
});
