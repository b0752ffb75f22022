import type { CircuitReport, View } from "ninelives";
import { type CircuitView, Region, type RegionRecord } from "ninelives/stores/durable-object";
import type { VirtualTime } from "../virtual-time.ts";
import { over } from "./network.ts";
import { faultsEnd, type Scenario } from "./scenario.ts";
import type { Watch } from "./watch.ts";

/** Homes of regions: evicted now and then, superseded in the middle of a report, lost with all that they stored, or cut off from the root. */
export function regionHomes(
  scenario: Scenario,
  time: VirtualTime,
  watch: Watch,
  root: (report: CircuitReport) => Promise<View>,
): { sync(report: CircuitReport): Promise<View> }[] {
  return Array.from({ length: scenario.regions }, (_, region) => {
    const draw = scenario.draw(`region ${region}`);
    const { chance, between, random } = draw;
    const name = `region ${region}`;
    const faulty = !scenario.calm;
    let stored: { readonly record: RegionRecord; readonly at: number } | undefined;
    let current: Region;
    const clock = time.clock({ offset: between(0, 1e6) });
    const cut = faulty && chance(0.4) ? between(5_000, 25_000) : Infinity;
    const cutFor = between(1_000, 15_000);
    const share = (most: number): number => (faulty && chance(0.5) ? between(0, most) : 0);
    const cutOff = (): boolean => time.now > cut && time.now < cut + cutFor;
    const way = { time, draw, lost: share(0.3), doubled: share(0.3), late: share(0.2), cutOff };
    const start = (): void => {
      const region: Region = new Region({
        name,
        record: stored?.record,
        keep(record, atOnce) {
          if (region !== undefined && region !== current) throw new Error("superseded");
          if (region !== undefined) watch.handed(region.record, record);
          if (atOnce || stored === undefined || time.now - stored.at >= 5_000)
            stored = { record, at: time.now };
        },
        root(report) {
          watch.reported(report);
          return over(way, () => root(report)) as Promise<CircuitView>;
        },
        environment: { clock, random },
      });
      current = region;
    };
    const fail = (): void => {
      if (chance(0.2)) stored = undefined;
      start();
      if (time.now < faultsEnd) time.after(between(1_000, 20_000), fail);
    };
    start();
    if (faulty && chance(0.5)) time.after(between(0, 20_000), fail);
    return { sync: (report) => current.sync(report) };
  });
}
