import { table } from "../bench/report.ts";
import { type Contention, contend, strategies } from "./contention.ts";
import { hedgings, type LongTail, origins, quantiles, serve } from "./long-tail.ts";
import { type Line, plot } from "./plot.ts";
import { quantile } from "./random.ts";
import { sharedFleets } from "./shared-fleets.ts";

export interface Experiment {
  /** Of its files. */
  readonly name: string;
  /** The page of docs that shows them. Default `simulations.md`. */
  readonly page?: string;
  readonly table: string;
  readonly svg: string;
  readonly results: unknown;
  /** What must hold and did not, with the seed. */
  readonly violations: readonly string[];
}

const median = (values: readonly number[]): number => quantile(values, 0.5);
const clients = [1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100];

/** Contending clients: calls and time until all are done, by the kind of jitter. */
async function backoffAndJitter(seeds: number): Promise<Experiment> {
  const violations: string[] = [];
  const results: { strategy: string; clients: number; calls: number; completion: number }[] = [];
  for (const strategy of strategies) {
    for (const count of clients) {
      const runs: Contention[] = [];
      for (let seed = 1; seed <= seeds; seed++) {
        const run = await contend(count, strategy, seed);
        violations.push(
          ...run.violations.map((each) => `${strategy.name}, ${count} clients, seed ${seed}: ${each}`),
        );
        runs.push(run);
      }
      results.push({
        strategy: strategy.name,
        clients: count,
        calls: median(runs.map(({ calls }) => calls)),
        completion: median(runs.map(({ completion }) => completion)),
      });
    }
  }
  const lines = (value: "calls" | "completion"): Line[] =>
    strategies.map(({ name }) => ({
      name,
      points: results.filter(({ strategy }) => strategy === name).map((run) => [run.clients, run[value]]),
    }));
  const x = { title: "clients that want the same row", ticks: [20, 40, 60, 80, 100].map(labelled) };
  return {
    name: "backoff-and-jitter",
    table: table(
      ["100 clients, one row", "calls", "seconds until all are done"],
      results
        .filter((run) => run.clients === 100)
        .map(({ strategy, calls, completion }) => [
          strategy,
          calls.toFixed(0),
          (completion / 1_000).toFixed(1),
        ]),
    ),
    svg: plot("Contending clients, by the jitter of their back-off", [
      {
        title: "calls, all clients together",
        x,
        y: { title: "calls", ticks: [0, 1_000, 2_000, 3_000, 4_000, 5_000].map(labelled) },
        lines: lines("calls"),
      },
      {
        title: "until the last one is done",
        x,
        y: { title: "ms", ticks: [10, 100, 1_000, 10_000, 100_000].map(labelled), logarithmic: true },
        lines: lines("completion"),
      },
    ]),
    results,
    violations,
  };
}

const requests = 5_000;

/** Hedged requests: what they cost and what they gain, by when the hedge starts. */
async function hedgedRequests(seeds: number): Promise<Experiment> {
  const violations: string[] = [];
  const results: { origin: string; hedging: string; calls: number; latencies: Record<string, number> }[] = [];
  for (const origin of origins) {
    for (const hedging of hedgings) {
      const runs: LongTail[] = [];
      for (let seed = 1; seed <= seeds; seed++) {
        const run = await serve(requests, origin, hedging, seed);
        violations.push(
          ...run.violations.map((each) => `${origin.name}, ${hedging.name}, seed ${seed}: ${each}`),
        );
        runs.push(run);
      }
      const keys = quantiles.map((q) => `p${q * 100}`);
      results.push({
        origin: origin.name,
        hedging: hedging.name,
        calls: median(runs.map(({ callsPerRequest }) => callsPerRequest)),
        latencies: Object.fromEntries(
          keys.map((key) => [key, median(runs.map(({ latencies }) => latencies[key] ?? Number.NaN))]),
        ),
      });
    }
  }
  const shown = ["p50", "p99", "p99.9"];
  return {
    name: "hedged-requests",
    table: table(
      ["origin", "hedge", "calls a request", ...shown.map((key) => `${key}, ms`)],
      results.map(({ origin, hedging, calls, latencies }) => [
        origin,
        hedging,
        calls.toFixed(3),
        ...shown.map((key) => (latencies[key] ?? Number.NaN).toFixed(0)),
      ]),
    ),
    svg: plot(
      "Hedged requests, by when the hedge starts",
      origins.map(({ name }) => ({
        title: name,
        // As many nines as the share has: the tail is what it is about.
        x: {
          title: "share of the requests that took no longer",
          ticks: quantiles.filter((q) => q !== 0.995).map((q) => [1 / (1 - q), `${q * 100} %`] as const),
          logarithmic: true,
        },
        y: { title: "ms", ticks: [10, 100, 1_000, 5_000].map(labelled), logarithmic: true },
        lines: hedgings.map((hedging) => ({
          name: hedging.name,
          points: quantiles.map((q) => {
            const run = results.find((each) => each.origin === name && each.hedging === hedging.name);
            return [1 / (1 - q), run?.latencies[`p${q * 100}`] ?? Number.NaN] as const;
          }),
        })),
      })),
    ),
    results,
    violations,
  };
}

function labelled(value: number): readonly [number, string] {
  return [value, value.toLocaleString("en")];
}

/** How much of them is to be run. */
export interface Extent {
  /** Runs of each experiment. */
  readonly seeds: number;
  /** Isolates of fleets. */
  readonly fleets: readonly number[];
}

type Run = (extent: Extent) => Promise<Experiment>;

/** That of the fleets alone. */
export const fleetExperiments: readonly Run[] = [({ fleets }) => sharedFleets(fleets)];

export const experiments: readonly Run[] = [
  ({ seeds }) => backoffAndJitter(seeds),
  ({ seeds }) => hedgedRequests(seeds),
  ...fleetExperiments,
];
