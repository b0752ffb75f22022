import type { CircuitReport, Report, Store, View } from "ninelives";
import {
  coordinate,
  isNews,
  mustStore,
  revive,
  type SharedRecord,
  viewOf,
} from "ninelives/stores/durable-object";
import type { VirtualTime } from "../virtual-time.ts";
import type { Home } from "./home.ts";
import type { Network } from "./network.ts";
import { olderRecord, olderReport, olderView } from "./older.ts";
import { regionHomes } from "./region-home.ts";
import { faultsEnd, type Scenario } from "./scenario.ts";
import type { Watch } from "./watch.ts";

/** What one instance of an object holds of one name, and which reports' calls that counts. */
interface Kept {
  readonly record: SharedRecord;
  readonly counted: Set<string>;
}

interface Instance {
  readonly live: Map<string, Kept>;
  storedAt: Map<string, number>;
}

/**
 * Durable Objects as the home of isolates: evicted, superseded by another instance while one still answers, wiped, of an
 * older version for a while, slow or overloaded, with a clock that jumps; in some, with homes of regions.
 */
export function objectHome(scenario: Scenario, time: VirtualTime, watch: Watch, network: Network): Home {
  const { calm, clocksFail, badNodes, regions, mixed } = scenario;
  const { chance, between, random } = scenario.draw("object");
  const faulty = (): boolean => time.now < faultsEnd;
  const some = (probability: number): number =>
    !calm && chance(probability) ? between(1_000, 25_000) : Infinity;
  const within = (from: number, most: number): boolean =>
    faulty() && time.now > from && time.now < from + most;

  const stored = new Map<string, Kept>();
  let current: Instance = { live: new Map(), storedAt: new Map() };
  let stale: { readonly instance: Instance; readonly until: number } | undefined;
  const listeners = new Map<string, Map<string, (view: View) => void>>();
  const pushes = chance(0.5);
  const [busyFrom, slowFrom] = [some(0.3), some(0.3)];
  // An older root takes a region for one replica, and so a minority for most.
  const olderFrom = mixed && !(regions > 0 && badNodes > 0) ? some(0.5) : Infinity;
  let jumped = 0;
  // Tokens of a home that lost them begin at its time, which must be later than those before.
  const wipes = !calm && badNodes === 0 && chance(0.2);
  const jump = (between(0, 1) - (wipes ? 0 : 0.7)) * 60_000;
  if (clocksFail) time.after(between(0, 35_000), () => (jumped = jump));
  const clock = (): number => Math.max(0, 1e9 + time.now + jumped);

  const start = (): void => {
    current = { live: new Map(), storedAt: new Map() };
    for (const [name, { record, counted }] of stored)
      current.live.set(name, { record: revive(record), counted: new Set(counted) });
  };
  const evict = (): void => {
    start();
    if (faulty()) time.after(between(1_000, 20_000), evict);
  };
  if (!calm && chance(0.4)) time.after(between(0, 20_000), evict);
  const supersede = (): void => {
    stale = { instance: current, until: time.now + between(100, 1_000) };
    start();
    if (faulty()) time.after(between(5_000, 20_000), supersede);
  };
  if (!calm && chance(0.3)) time.after(between(0, 20_000), supersede);
  const wipe = (): void => {
    stored.clear();
    stale = undefined;
    watch.wiped();
    start();
  };
  // Of a fleet that nobody remembers, the bad ones may be the first that are heard.
  if (wipes) time.after(between(5_000, 35_000), wipe);

  async function sync(name: string, report: Report, onNews: (view: View) => void): Promise<View> {
    if (within(busyFrom, 10_000) && random() < 0.7)
      throw Object.assign(new Error("overloaded"), { overloaded: true });
    if (within(slowFrom, 10_000)) await new Promise<void>((resolve) => time.after(random() * 8_000, resolve));
    const late = stale !== undefined && time.now < stale.until && random() < 0.5;
    const at = late && stale !== undefined ? stale.instance : current;
    const before = at.live.get(name);
    const older = within(olderFrom, 15_000);
    const [record, view] = older
      ? decideAsBefore(before?.record, report)
      : coordinate(before?.record, report, clock());
    const kept: Kept = { record, counted: before?.counted ?? new Set() };
    const age = time.now - (at.storedAt.get(name) ?? -Infinity);
    if (mustStore(before?.record, record) || age >= 5_000) {
      if (at !== current) throw new Error("superseded");
      at.storedAt.set(name, time.now);
    }
    if (at === current) watch.became(name, before?.record, record, kept.counted);
    if (at.storedAt.get(name) === time.now) stored.set(name, { record, counted: new Set(kept.counted) });
    at.live.set(name, kept);
    if (view.epoch !== record.epoch) watch.violate(`${name}: a view of ${view.epoch} in ${record.epoch}`);
    const heard = listeners.get(name) ?? new Map<string, (view: View) => void>();
    listeners.set(name, heard.set(report.replica, onNews));
    if (pushes && isNews(before?.record, record)) {
      const news: View = older ? olderView(viewOf(record)) : viewOf(record);
      for (const [replica, tell] of heard)
        if (replica !== report.replica) time.after(random() * 50, () => tell(news));
    }
    return view;
  }

  function decideAsBefore(before: SharedRecord | undefined, report: Report): [SharedRecord, View] {
    const known = before && olderRecord(before);
    const [record, view] = coordinate(known, olderReport(report), clock());
    return [olderRecord(record), olderView(view)];
  }

  const homes = regionHomes(scenario, time, watch, (report) => sync("db", report, () => {}));
  return {
    record: (name) => current.live.get(name)?.record,
    storeOf: (node): Store => ({
      // A circuit's report goes to the home of its region, where there is one.
      sync: (name, report, onNews) =>
        network(node, () =>
          regions > 0 && name === "db"
            ? (homes[node % regions] as (typeof homes)[number]).sync(report as CircuitReport)
            : sync(name, report, onNews),
        ),
    }),
  };
}
