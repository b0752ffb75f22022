import {
  type CircuitReport,
  circuitBreaker,
  compose,
  environment,
  isRejected,
  lease,
  type Random,
  type Report,
  rateLimit,
  type Store,
  sharedBy,
  type View,
} from "ninelives";
import {
  type CircuitView,
  coordinate,
  isNews,
  mustStore,
  Region,
  type RegionRecord,
  revive,
  type SharedRecord,
  viewOf,
} from "ninelives/stores/durable-object";
import { seededRandom } from "ninelives/testing";
import { VirtualTime } from "./virtual-time.ts";

/** Faults end at this time, and a minute later all must agree. */
const faultsEnd = 40_000;
const end = 101_000;
const openFor = 5_000;
const limit = 8;

interface Home {
  readonly store: Store;
  /** What the home knows under a name. */
  record(name: string): SharedRecord | undefined;
}

/** What becomes of one run; the same seed gives the same. */
export interface SharedState {
  readonly replicas: number;
  readonly reports: number;
  readonly calls: number;
  /** What must hold and did not. */
  readonly violations: readonly string[];
}

interface Passed {
  readonly at: number;
}

/**
 * Tabs, isolates and processes share a circuit, a limit and a lease, with the policies themselves, over a network that
 * loses, doubles, delays and reorders, with partitions, evictions, a home that is slow, overloaded or hangs, clocks that
 * are skewed, frozen or jump, and reports of older versions. After a while all faults stop.
 */
export async function shareState(seed: number): Promise<SharedState> {
  const random = seededRandom(seed);
  const chance = (probability: number): boolean => random() < probability;
  const between = (least: number, most: number): number => least + random() * (most - least);
  const time = new VirtualTime();
  const violations: string[] = [];
  const violate = (what: string): void => {
    if (violations.length < 10) violations.push(`${what} (at ${Math.round(time.now)} ms)`);
  };
  const faulty = (): boolean => time.now < faultsEnd;

  const size = chance(0.01) ? Math.floor(between(20, 300)) : Math.floor(between(2, 8));
  // The origin is down for all for a while, or a minority of nodes finds it down.
  const badNodes = size >= 3 && chance(0.3) ? Math.ceil(size / 2) - 1 : 0;
  const downFrom = between(8_000, 20_000);
  const downUntil = downFrom + between(3_000, 18_000);
  const down = (node: number): boolean =>
    badNodes > 0 ? node < badNodes && met() && faulty() : time.now > downFrom && time.now < downUntil;
  // A home can count only those that it has heard of, and stores that within five seconds.
  let metAt = Infinity;
  const met = (): boolean => {
    if (metAt === Infinity && (home.record("db")?.fleet ?? 0) > size - 0.5) metAt = time.now;
    return time.now > metAt + 6_000;
  };
  const network = {
    lost: chance(0.5) ? between(0, 0.3) : 0,
    doubled: chance(0.5) ? between(0, 0.3) : 0,
    late: chance(0.5) ? between(0, 0.2) : 0,
  };
  const clocksFail = chance(0.5);
  const partitions = Array.from({ length: chance(0.5) ? 3 : 0 }, () => {
    const from = between(5_000, 25_000);
    const cut = new Set(Array.from({ length: size }, (_, node) => node).filter(() => chance(0.5)));
    return { from, until: from + between(1_000, 15_000), cut };
  });
  const cutOff = (node: number): boolean =>
    partitions.some(({ from, until, cut }) => time.now >= from && time.now < until && cut.has(node));

  // In some, the replicas of a region report to a home of its own, and that to the root. Their chances are their own, so
  // that those of the rest are what they would be without them.
  const regional = seededRandom(seed + 1e6);
  const regions = size >= 2 && regional() < 0.4 ? 1 + Math.floor(regional() * Math.min(4, size)) : 0;
  // Calls that replicas reported, by the epoch that they were of: no home may ever have counted more.
  const reported = new Map<number, number>();
  const home: Home = homeOf(time, random, regional, violate, chance(0.4), clocksFail, faulty, reported);
  const homes = Array.from({ length: regions }, (_, region) => regionOf(`region ${region}`));
  let reports = 0;
  let calls = 0;
  const passed: Passed[] = [];
  const probing = new Map<number, { readonly id: string; readonly epoch: number; readonly until: number }>();
  const told = new Set<string | undefined>();
  const sent = new WeakSet<Report>();
  const accepted = new Map<number, number>();
  let highest = 0;
  const holders: (() => boolean)[] = [];
  const states: (() => string)[] = [];

  for (let node = 0; node < size; node++) {
    const frozenFrom = clocksFail && chance(0.3) ? between(5_000, 35_000) : Infinity;
    const frozenFor = between(500, 12_000);
    const clock = time.clock({
      rate: clocksFail ? between(0.99, 1.01) : 1,
      offset: between(0, 1e6),
      frozen: (at) =>
        at < frozenFrom ? at : Math.max(frozenFrom, at - Math.min(at - frozenFrom, frozenFor)),
    });
    const old = chance(0.2);
    const store: Store = {
      sync: (name, report, onNews) => {
        reports++;
        return deliver(name, report, onNews, node, old);
      },
    };
    const shared = sharedBy(store);
    const environs = environment({ clock, random: seededRandom(seed * 1_000 + node) });
    const circuit = circuitBreaker({
      name: "db",
      shared,
      consecutiveFailures: 3,
      openFor,
      maximumOpenFor: openFor,
    });
    const call = compose(environs, circuit).wrap(
      (latency: number) =>
        new Promise<void>((resolve, reject) => {
          calls++;
          const fails = down(node);
          time.after(latency, () => (fails ? reject(new Error("down")) : resolve()));
        }),
    );
    let failures = 0;
    const makeCall = (): void => {
      const latency = between(1, 100);
      const began = time.now;
      const settle = (error?: unknown): void => {
        const took = time.now - began;
        const atOnce = took === 0;
        // A probe is cut off when its permit ends; nothing else comes between a call and its origin.
        if (!atOnce && Math.abs(took - latency) > 1e-6 && !isRejected(error, "timeout")) {
          violate(`a call took ${took} ms, its origin ${latency} ms`);
        }
        if (error !== undefined && !isRejected(error)) failures++;
      };
      call(latency).then(
        () => settle(),
        (error: unknown) => settle(error),
      );
      time.after(between(100, 2_000), makeCall);
    };
    time.after(between(0, 1_000), makeCall);
    time.after(downUntil, () => {
      const most = 3 + 3 * Math.ceil((downUntil - downFrom) / openFor) + 6;
      if (badNodes === 0 && failures > most && !clocksFail) {
        violate(
          `node ${node} failed ${failures} times in ${Math.round(downUntil - downFrom)} ms, more than ${most}`,
        );
      }
    });
    states.push(() => circuit.state);

    const limiter = compose(environs, rateLimit({ name: "search", limit, shared }));
    const busy = between(0.2, 3);
    const search = (): void => {
      limiter.execute(async () => passed.push({ at: time.now })).catch(() => {});
      time.after((1_000 / limit) * (between(0.5, 1.5) / busy) * Math.min(size, 8), search);
    };
    time.after(between(0, 1_000), search);

    const leader = lease(store, "primary", {
      ttl: 6_000,
      healthy: () => !(faulty() && down(node)),
      environment: { clock, random: seededRandom(seed * 1_000 + node + 500) },
    });
    if (node < 4) {
      leader.start();
      const write = (): void => {
        const { token } = leader;
        if (token !== undefined && token >= highest) {
          highest = token;
          const holder = accepted.get(token) ?? node;
          if (holder !== node) violate(`nodes ${holder} and ${node} both wrote under token ${token}`);
          accepted.set(token, node);
        }
        const holding = holders.filter((holds) => holds()).length;
        if (holding > 1 && !clocksFail) violate(`${holding} hold the lease`);
        time.after(between(500, 1_500), write);
      };
      time.after(between(0, 500), write);
      holders.push(() => leader.token !== undefined);
    }
  }

  /** A report on its way: a circuit's goes to the home of its region, where there is one. */
  function deliver(
    name: string,
    own: Report,
    onNews: (view: View) => void,
    node: number,
    old: boolean,
  ): Promise<View> {
    const report = old ? asBefore(own) : own;
    const region = name === "db" ? homes[node % regions] : undefined;
    const sentAt = time.now;
    if ("ok" in report && !sent.has(own)) {
      sent.add(own);
      reported.set(report.epoch, (reported.get(report.epoch) ?? 0) + report.ok + report.fail);
    }
    if ("probe" in report) {
      probing.delete(node);
      told.add(report.probe?.permit);
    }
    return over(
      () => cutOff(node),
      () =>
        region === undefined ? home.store.sync(name, report, onNews) : region.sync(report as CircuitReport),
    ).then((view) => {
      // A replica takes no leave from an answer that comes after its time, nor the one that it used.
      const late = time.now - sentAt > 5_000;
      if ("permit" in view && view.permit !== undefined && !late && !told.has(view.permit.id))
        permitted(view.permit, view.epoch, node, sentAt);
      return view;
    });
  }

  /** At most one replica of the whole fleet may probe at a time. */
  function permitted(
    { id, ttl }: { readonly id: string; readonly ttl: number },
    epoch: number,
    node: number,
    sentAt: number,
  ): void {
    const until = sentAt + ttl;
    if (until <= time.now) return;
    for (const [other, probe] of probing) {
      if (other === node || probe.epoch !== epoch) continue;
      if (probe.id === id) violate(`nodes ${other} and ${node} have the same permit ${id}`);
      // A clock that runs slow lets its replica probe for longer.
      if (probe.until > time.now && !clocksFail)
        violate(`nodes ${other} and ${node} may both probe in epoch ${epoch}`);
    }
    probing.set(node, { id, epoch, until });
  }

  /** A region's home: evicted now and then, or lost with all that it stored, or cut off from the root. */
  function regionOf(name: string): { sync(report: CircuitReport): Promise<View> } {
    let stored: { record: RegionRecord; at: number } | undefined;
    let current: Region;
    const between = (least: number, most: number): number => least + regional() * (most - least);
    const offset = between(0, 1e6);
    const cut = regional() < 0.4 ? between(5_000, 25_000) : Infinity;
    const cutFor = between(1_000, 15_000);
    const start = (): void => {
      const region: Region = new Region({
        name,
        record: stored?.record,
        keep(record, atOnce) {
          if (region !== undefined && region !== current) throw new Error("superseded");
          if (region !== undefined) handed(region.record, record);
          if (atOnce || stored === undefined || time.now - stored.at >= 5_000)
            stored = { record, at: time.now };
        },
        root: (report) =>
          over(
            () => time.now > cut && time.now < cut + cutFor,
            () => home.store.sync("db", report, () => {}),
          ) as Promise<CircuitView>,
        environment: { clock: time.clock({ offset }), random: regional },
      });
      current = region;
    };
    const fail = (): void => {
      if (regional() < 0.2) stored = undefined;
      start();
      if (faulty()) time.after(between(1_000, 20_000), fail);
    };
    start();
    if (regional() < 0.5) time.after(between(0, 20_000), fail);
    return { sync: (report) => current.sync(report) };
  }

  /** Of the root's permits each is one replica's, and no replica's twice at a time. */
  function handed(before: RegionRecord, after: RegionRecord): void {
    if (after.time < before.time) violate(`${after.name}: time went back`);
    if (after.epoch < before.epoch) violate(`${after.name}: epoch ${after.epoch} after ${before.epoch}`);
    const live = after.permits.filter(({ until }) => until > after.time);
    // A root whose clock jumps ahead takes a permit for over before it is.
    if (live.length > 1 && !clocksFail)
      violate(`${after.name}: ${live.length} permits in epoch ${after.epoch}`);
    for (const { id, replica } of before.permits) {
      const now = live.find((permit) => permit.id === id);
      if (replica !== "" && now !== undefined && now.replica !== replica)
        violate(`${after.name}: permit ${id} of ${replica} went to ${now.replica}`);
    }
  }

  /** A message and its answer back, or what becomes of them. */
  function over(cutOff: () => boolean, ask: () => Promise<View>): Promise<View> {
    return new Promise((resolve, reject) => {
      const gone = (): boolean => cutOff() || (faulty() && chance(network.lost));
      const delay = (): number =>
        faulty() && chance(network.late) ? between(1_000, 20_000) : between(1, 80);
      const hangs = chance(0.5);
      const fail = (): void => {
        // Some ways to a home end in an error, others in silence.
        if (!hangs) time.after(4_000, () => reject(new Error("unreachable")));
      };
      const send = (): void => {
        if (gone()) {
          fail();
          return;
        }
        time.after(delay(), () => {
          ask().then(
            (view) => (gone() ? fail() : time.after(delay(), () => resolve(view))),
            (error: unknown) => time.after(delay(), () => reject(error)),
          );
        });
      };
      send();
      if (faulty() && chance(network.doubled)) send();
    });
  }

  if (badNodes > 0) {
    const watch = (): void => {
      const record = home.record("db");
      if (record?.kind === "circuit" && record.state !== "closed") {
        violate(`${badNodes} bad nodes of ${size} made the fleet's circuit ${record.state}`);
      }
      time.after(500, watch);
    };
    time.after(8_000, watch);
  }
  await time.run(end);

  const record = home.record("db");
  const state = record?.kind === "circuit" ? record.state : "unknown";
  if (state !== "closed") violate(`a minute after all faults the circuit is ${state}`);
  for (const [node, stateOf] of states.entries()) {
    if (stateOf() !== state) violate(`node ${node} says ${stateOf()}, the home ${state}`);
  }
  if (holders.filter((holds) => holds()).length !== 1) {
    violate(`a minute after all faults ${holders.filter((holds) => holds()).length} hold the lease`);
  }
  limited(passed, size, clocksFail, violate);
  return { replicas: size, reports, calls, violations };
}

/** One home for all names: it takes reports in turn, forgets what it need not store, and may be slow or overloaded. */
function homeOf(
  time: VirtualTime,
  random: Random,
  apart: Random,
  violate: (what: string) => void,
  evicts: boolean,
  clocksFail: boolean,
  faulty: () => boolean,
  reported: ReadonlyMap<number, number>,
): Home {
  const live = new Map<string, SharedRecord>();
  const stored = new Map<string, { record: SharedRecord; at: number }>();
  const listeners = new Map<string, Map<string, (view: View) => void>>();
  const epochs = new Map<string, number>();
  const taken = new Map<string, number>();
  const pushes = random() < 0.5;
  const busyFrom = random() < 0.3 ? random() * 25_000 : Infinity;
  const slowFrom = apart() < 0.3 ? apart() * 25_000 : Infinity;
  let jumped = 0;
  if (clocksFail) time.after(random() * 35_000, () => (jumped = (random() - 0.7) * 60_000));
  const clock = () => Math.max(0, 1e6 + time.now + jumped);

  const evict = (): void => {
    live.clear();
    for (const [name, { record }] of stored) live.set(name, revive(record));
    if (faulty()) time.after(1_000 + random() * 20_000, evict);
  };
  if (evicts) time.after(random() * 20_000, evict);

  return {
    record: (name) => live.get(name),
    store: {
      async sync(name, report, onNews) {
        if (faulty() && time.now > busyFrom && time.now < busyFrom + 10_000 && random() < 0.7) {
          throw Object.assign(new Error("overloaded"), { overloaded: true });
        }
        if (faulty() && time.now > slowFrom && time.now < slowFrom + 10_000)
          await new Promise<void>((resolve) => time.after(apart() * 8_000, resolve));
        const before = live.get(name);
        const [record, view] = coordinate(before, report, clock());
        live.set(name, record);
        const kept = stored.get(name);
        if (mustStore(before, record) || kept === undefined || time.now - kept.at >= 5_000) {
          stored.set(name, { record, at: time.now });
        }
        check(name, before, record, report, view);
        const heard = listeners.get(name) ?? new Map();
        listeners.set(name, heard.set(report.replica, onNews));
        if (pushes && isNews(before, record)) {
          const news: View = viewOf(record);
          for (const [replica, tell] of heard) {
            if (replica !== report.replica) time.after(random() * 50, () => tell(news));
          }
        }
        return view;
      },
    },
  };

  function check(
    name: string,
    before: SharedRecord | undefined,
    after: SharedRecord,
    report: Report,
    view: View,
  ) {
    if (after.epoch < (epochs.get(name) ?? 0))
      violate(`${name}: epoch ${after.epoch} after ${epochs.get(name)}`);
    epochs.set(name, after.epoch);
    if (before !== undefined && after.time < before.time) violate(`${name}: time went back`);
    if (view.epoch !== after.epoch) violate(`${name}: a view of epoch ${view.epoch} in epoch ${after.epoch}`);
    if (after.kind === "circuit") {
      const permits = after.permits.filter(({ until }) => until > after.time);
      if (permits.length > 1) violate(`${permits.length} permits in epoch ${after.epoch}`);
      const all = after.counts.ok + after.counts.fail;
      const most = reported.get(after.epoch) ?? 0;
      if (all > most) violate(`${all} calls were counted of ${most} that were reported`);
      counted(after.epoch, after.counts, report as CircuitReport, before);
    }
    if (after.kind === "limiter") {
      let sum = 0;
      for (const { leases } of after.members) {
        sum += leases.reduce(
          (most, { share, until }) => (until > after.time ? Math.max(most, share) : most),
          0,
        );
      }
      if (sum > 1 + 1e-9) violate(`${sum} of the limit is leased`);
    }
  }

  /** A report counts once at most, in its own epoch, and never backwards. */
  function counted(
    epoch: number,
    counts: { readonly ok: number; readonly fail: number },
    { replica, seq, ok, fail, epoch: of }: CircuitReport,
    before: SharedRecord | undefined,
  ): void {
    const key = `${replica} ${seq}`;
    const known = taken.has(key);
    taken.set(key, of);
    if (before?.kind !== "circuit" || before.epoch !== epoch) return;
    const grown = counts.ok + counts.fail - before.counts.ok - before.counts.fail;
    if (grown < 0) violate(`counts went back by ${-grown}`);
    if (grown > 0 && (grown !== ok + fail || of !== epoch))
      violate(`${grown} calls counted for ${ok + fail}`);
    if (grown > 0 && known && !evicts) violate(`report ${key} counted twice`);
  }
}

/** The limit holds, within what `docs/shared-state.md` says. */
function limited(
  passed: readonly Passed[],
  size: number,
  clocksFail: boolean,
  violate: (what: string) => void,
): void {
  const drift = clocksFail ? 1.02 : 1;
  for (const [span, from, factor] of [
    // Those without a lease have at most another limit between them, and those that never heard from it a tenth each.
    [5_000, 0, 2 + Math.max(0, size - 10) / 10],
    // A replica may leave its home alone for 45 s, and is without a lease for so long.
    [5_000, faultsEnd + 47_000, 1],
  ] as const) {
    const most = factor * (limit + (limit * span) / 1_000) * drift + 2 * size;
    let first = passed.findIndex(({ at }) => at >= from);
    for (let last = Math.max(0, first); first >= 0 && last < passed.length; last++) {
      const { at } = passed[last] as Passed;
      while ((passed[first] as Passed).at <= at - span) first++;
      if (last - first + 1 > most) {
        violate(
          `${last - first + 1} calls passed in ${span} ms, more than ${most.toFixed(0)}, until ${at.toFixed(0)}`,
        );
        break;
      }
    }
  }
}

/** A report as the first version sent it. */
function asBefore(report: Report): Report {
  if (report.kind !== undefined) return report;
  const { few, rules, ...rest } = report;
  const { openFor, maximumOpenFor, probes, successesToClose } = rules;
  return { ...rest, rules: { openFor, maximumOpenFor, probes, successesToClose } };
}
