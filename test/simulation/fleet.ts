import { seededRandom } from "ninelives/testing";
import { type CircuitRecord, coordinate } from "../../src/state/coordinator.ts";
import {
  answeredByRoot,
  answerInRegion,
  isDue,
  newRegion,
  type RegionRecord,
  reportToRoot,
  takeInRegion,
} from "../../src/state/region.ts";
import { Replica } from "../../src/state/replica.ts";
import type { CircuitReport, CircuitView } from "../../src/state/sync.ts";
import { EventQueue } from "./event-queue.ts";
import { quantile } from "./random.ts";

/** A fleet, and what happens to its origin. */
export interface FleetOptions {
  readonly isolates: number;
  /** Homes of regions under the root; 0 for none. */
  readonly regions: number;
  /** So many regions are simulated as one, which speaks to the root for each of them. Default 1. */
  readonly alike?: number;
  /** Milliseconds for which the origin is dead. */
  readonly dead: number;
  /** The share of the isolates that see it dead; the rest find it well. */
  readonly seen: number;
  /** Whether they share their circuit at all. */
  readonly shared: boolean;
  /** All isolates begin at once, and nothing else happens. Default: one by one, so that all have a slot before the origin dies. */
  readonly cold?: boolean;
  /** Ends when all refuse. */
  readonly untilRefused?: boolean;
  readonly seed: number;
}

/** Of the isolates' times. */
export interface Spread {
  readonly median: number;
  readonly p99: number;
  readonly last: number;
}

/** What became of it. Times in milliseconds. */
export interface FleetRun {
  /** Reports in the second in which an object got most: as they start, when nothing happens, and after the origin's death. */
  readonly peak: { readonly start: number; readonly calm: number; readonly after: number };
  /** Reports a second at an object when nothing happens, on the average, and at all objects together. */
  readonly calm: { readonly object: number; readonly all: number };
  /** From the first isolate that trips to the refusal in each that sees the origin dead, and in each that does not. */
  readonly refusal: Spread;
  readonly news: Spread;
  /** Calls that reached the dead origin: until each refused, and from then on. */
  readonly wasted: { readonly first: number; readonly later: number };
  /** From the origin's return until half and 99 % of the isolates let calls through. */
  readonly recovery: { readonly median: number; readonly p99: number };
}

/** Calls a second of each isolate. */
const rate = 100;
/** The default circuit: its window is full, and half of it must have failed. */
const failuresToTrip = 50;
const openFor = 30_000;
const maximumOpenFor = 300_000;
const rules = {
  openFor,
  maximumOpenFor,
  probes: 1,
  successesToClose: 1,
  minimumCalls: 20,
  failureRate: 0.5,
};
/** Milliseconds within which isolates that have a region report for the first time: see `durableObjectStore`. */
const firstReports = 8_000;
/** Milliseconds that the origin takes, and a message one way: to an object far away, or to one of the same region. */
const latency = 10;
const far = [20, 80] as const;
const near = [5, 25] as const;

interface Isolate {
  readonly replica: Replica;
  readonly home: number;
  readonly affected: boolean;
  /** Its own circuit: until when it is open by its own evidence, and how often in a row. */
  until: number;
  trips: number;
  refusedAt: number;
  passedAt: number;
}

/**
 * A fleet through the death of its origin, with the real coordinator, homes of regions and replicas.
 *
 * Of an isolate's calls only those are made that something depends on: the first one after a report is due, after a
 * circuit may half-open, with a permit. The rest is drawn: its own circuit trips with the fiftieth call that fails, calls are 10 ms apart on
 * the average. That this gives what all calls give is tested with the policies themselves.
 */
export function runFleet(options: FleetOptions): FleetRun {
  const { alike = 1, dead, seen, shared, seed, cold = false, untilRefused = false } = options;
  const count = options.isolates / alike;
  const regions = options.regions / alike;
  const random = seededRandom(seed);
  const queue = new EventQueue();
  let now = 0;
  const after = (ms: number, run: () => void): void => void queue.add(now + ms, run);
  const gap = (): number => (-Math.log(1 - random()) * 1_000) / rate;
  const way = ([least, most]: readonly [number, number]): number => least + random() * (most - least);

  // Isolates come one by one, so that all have a slot before it begins.
  const objects = Math.max(1, regions);
  const startFor = cold ? 0 : Math.max(2_000, ((count / objects) * 1_000) / 50);
  const settled = startFor + Math.max(20_000, (count / objects) * 10);
  const diesAt = settled + 10_000;
  const livesAt = diesAt + dead;
  const end = cold ? 30_000 : livesAt + maximumOpenFor + Math.max(60_000, (count / objects) * 10);
  const down = (isolate: Isolate): boolean => isolate.affected && now >= diesAt && now < livesAt;

  /** Reports that objects got, by the second. The root is the last one. */
  const loads = Array.from({ length: objects + 1 }, () => new Map<number, number>());
  const load = (object: number): void => {
    const second = Math.floor(now / 1_000);
    const counts = loads[object] as Map<number, number>;
    counts.set(second, (counts.get(second) ?? 0) + 1);
  };
  let root: CircuitRecord | undefined;
  const homes: RegionRecord[] = [];
  const busy: boolean[] = [];
  let wastedFirst = 0;
  let wastedLater = 0;
  let firstTrip = Infinity;
  let passing = 0;
  let refusing = 0;

  function decide(report: CircuitReport): CircuitView {
    load(regions > 0 ? objects : 0);
    const [record, view] = coordinate(root, report, now);
    root = record;
    return view;
  }

  /** A report on its way to the home, and the view back. */
  function send(isolate: Isolate, report: CircuitReport, back: (view: CircuitView) => void): void {
    const distance = regions > 0 ? near : far;
    after(way(distance), () => {
      const reply = (view: CircuitView): void => after(way(distance), () => back(view));
      if (regions === 0) reply(decide(report));
      else inRegion(isolate.home, report, reply);
    });
  }

  function inRegion(at: number, report: CircuitReport, reply: (view: CircuitView) => void): void {
    load(at);
    const [taken, repeated] = takeInRegion(homes[at] ?? newRegion(`${at}`, `home ${at}`, now), report, now);
    homes[at] = taken;
    const answer = (): void => {
      const [answered, view] = answerInRegion(homes[at] as RegionRecord, report, repeated);
      homes[at] = answered;
      // Before the root's first word all wait for it.
      if (view === undefined) after(20, answer);
      else reply(view);
    };
    if (!isDue(taken) || busy[at]) {
      answer();
      return;
    }
    const [telling, up] = reportToRoot(taken);
    homes[at] = telling;
    busy[at] = true;
    after(way(far), () => {
      const view = decide(up);
      for (let other = 1; other < alike; other++) decide(likewise(up, other));
      after(way(far), () => {
        homes[at] = answeredByRoot(homes[at] as RegionRecord, up, view, telling.time, now, random());
        busy[at] = false;
        answer();
      });
    });
  }

  /** One call of an isolate, and the next one that matters. */
  function call(isolate: Isolate): void {
    const { replica } = isolate;
    const said = shared ? replica.gate(now) : "pass";
    // A view that has outlived its time leaves it to its own circuit, which half-opens.
    if (said === "expired") isolate.until = now;
    const gate = said === "expired" ? "pass" : said;
    let next = Infinity;
    if (gate === "probe") {
      const { epoch } = replica;
      const { id } = replica.takePermit();
      const fails = down(isolate);
      if (fails) wastedLater++;
      after(latency, () => {
        replica.probed(id, epoch, !fails, now);
        report(isolate);
      });
    } else if (gate === "pass" && isolate.until > 0) {
      // Its own circuit is open, and half-opens by itself.
      if (now < isolate.until) next = isolate.until;
      else if (down(isolate)) {
        wastedLater++;
        isolate.trips++;
        isolate.until = now + Math.min(maximumOpenFor, openFor * 2 ** (isolate.trips - 1));
        next = isolate.until;
      } else isolate.until = 0;
    } else if (gate === "refuse") {
      const { remaining, openFor: open, nextSync } = replica.view as CircuitView;
      const expires = replica.seenAt + remaining + open + Math.min(3 * nextSync, 30_000);
      const left = replica.retryAfter(now);
      next = left > 0 ? Math.min(now + left, expires) : expires;
    }
    if (gate === "pass" && isolate.until === 0) pass(isolate);
    else refuse(isolate);
    if (shared && replica.due(now)) report(isolate);
    if (next < Infinity) queue.add(next + gap(), () => call(isolate));
  }

  function refuse(isolate: Isolate): void {
    if (now < diesAt || isolate.refusedAt <= now) return;
    isolate.refusedAt = now;
    refusing++;
  }

  function pass(isolate: Isolate): void {
    if (now < livesAt || isolate.passedAt < Infinity) return;
    isolate.passedAt = now;
    passing++;
  }

  function report(isolate: Isolate): void {
    const { replica } = isolate;
    if (!replica.due(now)) return;
    const sentAt = now;
    const sent = replica.report(now, isolate.until > 0, () => random().toString(36).slice(2, 12));
    send(isolate, sent, (view) => {
      const changed = replica.answered(sent, view, sentAt, now, random());
      // Closed by the fleet's probe: its own circuit follows.
      if (changed && view.state === "closed") isolate.until = 0;
      // The next call hears what the view says, and the one after `nextSync` reports.
      after(gap(), () => call(isolate));
      after(view.nextSync + gap(), () => call(isolate));
    });
  }

  /** The origin dies: calls fail until its own circuit has seen enough, or the fleet says so. */
  function trip(isolate: Isolate): void {
    let took = latency;
    for (let each = 0; each < failuresToTrip; each++) took += gap();
    after(took, () => {
      const refused = Math.min(now, isolate.refusedAt);
      wastedFirst += Math.round(((refused - diesAt) / took) * (failuresToTrip + (rate * latency) / 1_000));
      if (isolate.refusedAt <= now) return;
      firstTrip = Math.min(firstTrip, now);
      isolate.trips = 1;
      isolate.until = now + openFor;
      isolate.replica.tell(now);
      call(isolate);
    });
  }

  /** The first call: where there are regions, the report that it makes waits for a while. */
  function begin(isolate: Isolate): void {
    if (regions > 0 && shared) {
      const wait = random() * firstReports;
      isolate.replica.wait(now, wait);
      queue.add(now + wait + gap(), () => call(isolate));
    }
    call(isolate);
  }

  const all = Array.from({ length: count }, (_, index): Isolate => {
    const isolate: Isolate = {
      replica: new Replica(rules),
      home: index % objects,
      affected: index < count * seen,
      until: 0,
      trips: 0,
      refusedAt: Infinity,
      passedAt: Infinity,
    };
    queue.add(random() * startFor + (cold ? gap() : 0), () => begin(isolate));
    if (isolate.affected) queue.add(diesAt, () => trip(isolate));
    // Whoever never refused lets calls through at once.
    queue.add(livesAt, () => call(isolate));
    return isolate;
  });

  for (let next = queue.first; next !== undefined && next.at <= end; next = queue.first) {
    queue.remove();
    now = next.at;
    next.run?.();
    if (passing === count || (untilRefused && refusing === count)) break;
  }

  const spread = (values: readonly number[]): Spread => ({
    median: quantile(values, 0.5),
    p99: quantile(values, 0.99),
    last: quantile(values, 1),
  });
  const refused = (affected: boolean): number[] =>
    all
      .filter((each) => each.affected === affected)
      .map(({ refusedAt }) => Math.max(0, refusedAt - firstTrip));
  const between = (from: number, to: number): number[] =>
    loads.map((counts) => {
      let most = 0;
      for (const [second, reports] of counts)
        if (second * 1_000 >= from && second * 1_000 < to) most = Math.max(most, reports);
      return most;
    });
  const [calmFrom, calmTo] = [settled, diesAt - 1_000] as const;
  const sums = loads.map((counts) => {
    let sum = 0;
    for (const [second, reports] of counts)
      if (second * 1_000 >= calmFrom && second * 1_000 < calmTo) sum += reports;
    return (sum * 1_000) / (calmTo - calmFrom);
  });
  return {
    peak: {
      start: Math.max(...between(0, Math.min(settled, end))),
      calm: Math.max(...between(calmFrom, calmTo)),
      after: Math.max(...between(diesAt, end)),
    },
    calm: {
      object: Math.max(...sums),
      all: sums.reduce((sum, each, object) => sum + each * (object < objects ? alike : 1), 0),
    },
    refusal: spread(refused(true)),
    news: spread(refused(false)),
    wasted: { first: wastedFirst * alike, later: wastedLater },
    recovery: spread(all.map(({ passedAt }) => passedAt - livesAt)),
  };
}

/** The report of a region that is like the one which made it, but has no call to probe with. */
function likewise(report: CircuitReport, other: number): CircuitReport {
  const { probe: _, region, ...rest } = report;
  const name = `${region?.name}, ${other}`;
  return {
    ...rest,
    replica: `${report.replica}, ${other}`,
    wantsProbe: false,
    ...(region && { region: { ...region, name } }),
  };
}
