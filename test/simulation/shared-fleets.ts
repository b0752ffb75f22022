import { table } from "../bench/report.ts";
import type { Experiment } from "./experiments.ts";
import { type FleetOptions, type FleetRun, runFleet } from "./fleet.ts";
import { type Line, plot } from "./plot.ts";
import { quantile } from "./random.ts";

/** Milliseconds for which the origin is dead. */
const dead = 60_000;
/** Reports that no object may get in any second. */
const mostReports = 200;
/** Isolates of a region, where there are regions. */
const regionSize = 500;

/** Runs whose last refusal is timed; larger fleets take long, and their isolates are a sample by themselves. */
const timed = (isolates: number): number => (isolates <= 1_000 ? 20 : 5);

/** Milliseconds over the seeds. */
interface Timed {
  readonly median: number;
  readonly p99: number;
}

interface Fleet {
  readonly isolates: number;
  readonly regions: number;
  /** The origin dies for all, and for six of ten. */
  readonly all: FleetRun;
  readonly most: FleetRun;
  /** Reports of the first second at the busiest object, when all begin at once. */
  readonly cold: number;
  /** From the first isolate that trips until all refuse that see the origin dead, and until all do that see it well. */
  readonly refusal: Timed;
  readonly news: Timed;
  /** Calls that would reach it without sharing. */
  readonly unshared: number;
}

/** Fleets of these sizes through the death of their origin, with one object and with homes of regions. */
export async function sharedFleets(sizes: readonly number[], seed = 1): Promise<Experiment> {
  const fleets: Fleet[] = [];
  for (const isolates of sizes) {
    const regional = isolates > regionSize ? [0, Math.ceil(isolates / regionSize)] : [0];
    const alone = runFleet({ isolates, regions: 0, dead, seen: 1, shared: false, seed });
    for (const regions of regional) {
      // Where there are many, one is simulated for five or ten.
      const alike = [10, 5].find((each) => regions > 4 * each && regions % each === 0) ?? 1;
      const fleet = { isolates, regions, alike, dead, shared: true, seed };
      const all = runFleet({ ...fleet, seen: 1 });
      const most = runFleet({ ...fleet, seen: 0.6 });
      const unshared = alone.wasted.first + alone.wasted.later;
      const cold = runFleet({ ...fleet, seen: 1, cold: true }).peak.start;
      const refusal = last(fleet, 1, ({ refusal }) => refusal.last);
      const news = last(fleet, 0.6, ({ news }) => news.last);
      fleets.push({ isolates, regions, all, most, cold, refusal, news, unshared });
    }
  }
  return {
    name: "shared-fleets",
    page: "shared-state.md",
    table: `${load(fleets)}\n\n${spread(fleets)}\n\n${waste(fleets)}\n\n${costs(fleets)}`,
    svg: picture(fleets),
    results: fleets,
    violations: fleets.flatMap(({ isolates, regions, all, most, cold }) => {
      // One object cannot steer isolates that it has never heard of; that is what regions are for.
      const first = regions > 0 ? [cold] : [];
      const peaks = [all, most].flatMap(({ peak }) => [peak.calm, peak.after]);
      const reports = Math.max(...peaks, ...first);
      return reports > mostReports
        ? [`${isolates} isolates, ${regions} regions, seed ${seed}: ${reports} reports in a second`]
        : [];
    }),
  };
}

/** The last isolate's time, over the seeds. */
function last(fleet: Omit<FleetOptions, "seen">, seen: number, of: (run: FleetRun) => number): Timed {
  const times = Array.from({ length: timed(fleet.isolates) }, (_, index) =>
    of(runFleet({ ...fleet, seen, seed: fleet.seed + index, untilRefused: true })),
  );
  return { median: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

const number = (value: number): string => Math.round(value).toLocaleString("en");
const seconds = (ms: number): string =>
  ms === Infinity ? "not in the minute" : (ms / 1_000).toFixed(ms < 10_000 ? 1 : 0);
const named = ({ isolates, regions }: Fleet): string[] => [
  number(isolates),
  regions === 0 ? "one object" : `${number(regions)} regions`,
];

function load(fleets: readonly Fleet[]): string {
  return table(
    [
      "isolates",
      "home",
      "reports a second, all objects",
      "at the busiest",
      "in its worst second",
      "if all begin at once",
    ],
    fleets.map((fleet) => [
      ...named(fleet),
      number(fleet.all.calm.all),
      number(fleet.all.calm.object),
      number(Math.max(...[fleet.all, fleet.most].flatMap(({ peak }) => [peak.calm, peak.after]))),
      number(fleet.cold),
    ]),
  );
}

function spread(fleets: readonly Fleet[]): string {
  return table(
    [
      "isolates",
      "home",
      "until all refuse: median, s",
      "p99, s",
      "if four of ten see nothing: median, s",
      "p99, s",
    ],
    fleets.map((fleet) => [
      ...named(fleet),
      seconds(fleet.refusal.median),
      seconds(fleet.refusal.p99),
      seconds(fleet.news.median),
      seconds(fleet.news.p99),
    ]),
  );
}

function waste(fleets: readonly Fleet[]): string {
  return table(
    [
      "isolates",
      "home",
      "calls until all refuse",
      "calls after that",
      "after that, unshared",
      "asked on every call",
    ],
    fleets.map((fleet) => [
      ...named(fleet),
      number(fleet.all.wasted.first),
      number(fleet.all.wasted.later),
      number(fleet.unshared - fleet.all.wasted.first),
      number(askedOnEveryCall(fleet.isolates)),
    ]),
  );
}

/**
 * Calls that reach a dead origin when each call asks a store first: on paper, with the latencies of the simulation. Until
 * the fiftieth failure is reported and the first refusal has come back, all pass.
 */
function askedOnEveryCall(isolates: number): number {
  const rate = (isolates * 100) / 1_000;
  const [latency, way] = [10, 50];
  return 50 + rate * (latency + 2 * way);
}

/** Seconds of a month of 30 days, as prices are by the month. */
const month = 30 * 86_400;

/**
 * Dollars a month. Source: https://developers.cloudflare.com/durable-objects/platform/pricing/, read in November 2026:
 * a million requests, 400,000 GB-s and 50 million rows written are included, then $0.15, $12.50 a million, $1 a million.
 */
function dollars(requests: number, objects: number, rows: number): number {
  const beyond = (value: number, included: number): number => Math.max(0, value - included) / 1e6;
  const duration = objects * 0.125 * month;
  return 0.15 * beyond(requests * month, 1e6) + 12.5 * beyond(duration, 400_000) + beyond(rows * month, 50e6);
}

function costs(fleets: readonly Fleet[]): string {
  return table(
    [
      "isolates",
      "home",
      "$ a month",
      "of it requests",
      "asked on every call, $",
      "what serving the calls costs, $",
    ],
    fleets.map((fleet) => {
      const { isolates, regions, all } = fleet;
      // The root stores every 5 s, the home of a region also what it is about to tell the root.
      const rows = 0.2 + regions * (0.2 + 1 / 2.5);
      const objects = 1 + regions;
      // A question and an outcome for each call.
      const every = 2 * 100 * isolates;
      // Workers: $0.30 a million requests beyond 10 million.
      const served = (Math.max(0, 100 * isolates * month - 10e6) / 1e6) * 0.3;
      return [
        ...named(fleet),
        number(dollars(all.calm.all, objects, rows)),
        number(dollars(all.calm.all, 0, 0)),
        number(dollars(every, 1, 0)),
        number(served),
      ];
    }),
  );
}

function picture(fleets: readonly Fleet[]): string {
  const one = fleets.filter(({ regions }) => regions === 0);
  const ticks = one.map(({ isolates }) => [isolates, isolates.toLocaleString("en")] as const);
  const x = { title: "isolates, 100 requests a second each", ticks, logarithmic: true };
  const powers = [0.1, 1, 10, 100, 1_000, 10_000, 100_000].map(
    (value) => [value, value.toLocaleString("en")] as const,
  );
  const calls = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000].map(
    (value) => [value, value.toLocaleString("en")] as const,
  );
  const line = (name: string, regional: boolean, value: (fleet: Fleet) => number): Line => ({
    name,
    points: fleets
      .filter(({ isolates, regions }) => regional === regions > 0 || isolates <= regionSize)
      .map((fleet) => [fleet.isolates, Math.max(0.1, value(fleet))] as const)
      .filter(([, shown]) => shown < Infinity),
  });
  const unsteered: Line = {
    name: "each every 2 s",
    points: ticks.map(([isolates]) => [isolates, isolates / 2] as const),
  };
  const atOnce = "one object";
  return plot("Fleets that share a circuit", [
    {
      title: "reports in the worst second of the busiest object",
      x,
      y: { title: "reports", ticks: powers.slice(1), logarithmic: true },
      lines: [
        unsteered,
        line(atOnce, false, ({ all }) => Math.max(all.peak.calm, all.peak.after)),
        line("regions", true, ({ all }) => Math.max(all.peak.calm, all.peak.after)),
      ],
    },
    {
      title: "until all refuse, of whom four of ten see nothing",
      x,
      y: { title: "s", ticks: powers.slice(1, 5), logarithmic: true },
      lines: [
        line(atOnce, false, ({ news }) => news.median / 1_000),
        line("regions", true, ({ news }) => news.median / 1_000),
      ],
    },
    {
      title: "calls on an origin that is dead for a minute",
      x,
      y: { title: "calls", ticks: calls, logarithmic: true },
      lines: [
        line(atOnce, false, ({ all }) => all.wasted.first + all.wasted.later),
        line("regions", true, ({ all }) => all.wasted.first + all.wasted.later),
        { name: "unshared", points: one.map(({ isolates, unshared }) => [isolates, unshared] as const) },
        {
          name: "a store asked on every call",
          points: one.map(({ isolates }) => [isolates, askedOnEveryCall(isolates)] as const),
        },
      ],
    },
  ]);
}
