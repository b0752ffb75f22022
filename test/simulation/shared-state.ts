import {
  circuitBreaker,
  compose,
  environment,
  isRejected,
  lease,
  rateLimit,
  type Store,
  sharedBy,
} from "ninelives";
import { seededRandom } from "ninelives/testing";
import type { Home } from "./shared/home.ts";
import { LimitHeld, limit } from "./shared/limit-held.ts";
import { networkOf } from "./shared/network.ts";
import { objectHome } from "./shared/object-home.ts";
import { olderReport, olderView } from "./shared/older.ts";
import { end, faultsEnd, leaseTtl, type Population, type Scenario, scenarioOf } from "./shared/scenario.ts";
import { tableHome } from "./shared/table-home.ts";
import { tabsHome } from "./shared/tabs-home.ts";
import { Watch } from "./shared/watch.ts";
import { VirtualTime } from "./virtual-time.ts";

const openFor = 5_000;
/** So many of the replicas stand for the lease. */
const candidates = 4;

/** What becomes of one run; the same seed gives the same. */
export interface SharedState {
  readonly population: Population;
  readonly replicas: number;
  readonly reports: number;
  readonly calls: number;
  /** How often two writers met at a home with compare-and-set. */
  readonly met: number;
  /** The most calls beyond a shared limit's rate and burst, for each replica, in spans of 1, 10 and 60 s. */
  readonly excess: readonly number[];
  readonly well: readonly number[];
  /** What must hold and did not. */
  readonly violations: readonly string[];
}

/**
 * Tabs, isolates or processes share a circuit, a limit and a lease, with the policies and the stores themselves, while all
 * goes wrong that may: see `docs/simulations.md`. After a while all faults stop.
 *
 * @param given what else than by the seed's chances
 */
export async function shareState(seed: number, given: Partial<Scenario> = {}): Promise<SharedState> {
  const scenario = scenarioOf(seed, given);
  const time = new VirtualTime();
  const watch = new Watch(scenario, time);
  const home = homeOf(scenario, time, watch);
  try {
    return await run(scenario, time, watch, home);
  } finally {
    home.end?.();
  }
}

function homeOf(scenario: Scenario, time: VirtualTime, watch: Watch): Home {
  if (scenario.population === "tabs") return tabsHome(scenario, time, watch);
  const network = networkOf(scenario, time);
  const home = scenario.population === "isolates" ? objectHome : tableHome;
  return home(scenario, time, watch, network);
}

async function run(scenario: Scenario, time: VirtualTime, watch: Watch, home: Home): Promise<SharedState> {
  const { seed, size, population, badNodes, downFrom, downUntil, clocksFail, mixed } = scenario;
  const { probes, successesToClose } = scenario;
  const faulty = (): boolean => time.now < faultsEnd;
  // A home can count only those that it has heard of, and stores that within five seconds.
  let metAt = Infinity;
  const met = (): boolean => {
    if (metAt === Infinity && (home.record("db")?.fleet ?? 0) > size - 0.5) metAt = time.now;
    return time.now > metAt + 6_000;
  };
  // The origin is down for all for a while, or a minority of nodes finds it down.
  const down = (node: number): boolean =>
    badNodes > 0 ? node < badNodes && met() && faulty() : time.now > downFrom && time.now < downUntil;

  let reports = 0;
  let calls = 0;
  const held = new LimitHeld(scenario, time);
  const accepted = new Map<number, number>();
  let highest = 0;
  const holders: (() => boolean)[] = [];
  const states: (() => string)[] = [];

  for (let node = 0; node < size; node++) {
    const { chance, between } = scenario.draw(`node ${node}`);
    const frozenFrom = clocksFail && chance(0.3) ? between(5_000, 35_000) : Infinity;
    const frozenFor = between(500, 12_000);
    const clock = time.clock({
      rate: clocksFail ? between(0.99, 1.01) : 1,
      offset: between(0, 1e6),
      frozen: (at) =>
        at < frozenFrom ? at : Math.max(frozenFrom, at - Math.min(at - frozenFrom, frozenFor)),
    });
    const store = watched(node, mixed && chance(0.3));
    const shared = sharedBy(store);
    const environs = environment({ clock, random: seededRandom(seed * 1_000 + node) });
    const rules = { consecutiveFailures: 3, openFor, maximumOpenFor: openFor, probes, successesToClose };
    const circuit = circuitBreaker({ name: "db", shared, ...rules });
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
        // A probe is cut off when its permit ends; nothing else comes between a call and its origin.
        if (took !== 0 && Math.abs(took - latency) > 1e-6 && !isRejected(error, "timeout"))
          watch.violate(`a call took ${took} ms, its origin ${latency} ms`);
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
      const most = 3 + (2 + probes) * Math.ceil((downUntil - downFrom) / openFor) + 6;
      if (badNodes === 0 && failures > most && !clocksFail)
        watch.violate(`node ${node} failed ${failures} times while the origin was down, more than ${most}`);
    });
    states.push(() => circuit.state);

    const limiter = compose(environs, rateLimit({ name: "search", limit, shared }));
    const busy = between(0.2, 3);
    const search = (): void => {
      const began = time.now;
      const settle = (): void => {
        if (time.now > began) watch.violate(`a rate limit kept a call for ${time.now - began} ms`);
      };
      const passed = async (): Promise<void> => held.passed();
      limiter.execute(passed).then(settle, settle);
      time.after((1_000 / limit) * (between(0.5, 1.5) / busy) * Math.min(size, 8), search);
    };
    time.after(between(0, 1_000), search);

    if (node < candidates) {
      const random = seededRandom(seed * 1_000 + node + 500);
      const healthy = (): boolean => !(faulty() && down(node));
      const leader = lease(store, "primary", { ttl: leaseTtl, healthy, environment: { clock, random } });
      leader.start();
      const write = (): void => {
        const { token } = leader;
        // Who is written to refuses a token that is lower than one that it has seen.
        if (token !== undefined && token >= highest) {
          highest = token;
          const holder = accepted.get(token) ?? node;
          if (holder !== node) watch.violate(`nodes ${holder} and ${node} both wrote under token ${token}`);
          accepted.set(token, node);
        }
        watch.holding(holders.filter((holds) => holds()).length);
        time.after(between(500, 1_500), write);
      };
      time.after(between(0, 500), write);
      holders.push(() => leader.token !== undefined);
    }
  }

  /** The home as a node reaches it, and what is watched of that. */
  function watched(node: number, older: boolean): Store {
    const store = home.storeOf(node, older);
    return {
      async sync(name, own, onNews) {
        reports++;
        const report = older ? olderReport(own) : own;
        const sentAt = time.now;
        watch.reported(report);
        if ("probe" in report) watch.probed(node, report);
        const view = await store.sync(name, report, onNews);
        if (home.isShared?.(view) !== false) watch.answered(node, report, view, sentAt);
        if (view.kind === "limiter") held.heard(node, report.seq, view, sentAt);
        return older ? olderView(view) : view;
      },
    };
  }

  if (badNodes > 0) {
    const look = (): void => {
      const record = home.record("db");
      if ((record?.kind ?? "circuit") === "circuit" && record !== undefined && "state" in record) {
        if (record.state !== "closed")
          watch.violate(`${badNodes} bad nodes of ${size} made the fleet's circuit ${record.state}`);
      }
      time.after(500, look);
    };
    time.after(8_000, look);
  }
  await time.run(end);

  const record = home.record("db");
  const state = record !== undefined && "state" in record ? record.state : "unknown";
  if (state !== "closed") watch.violate(`a minute after all faults the circuit is ${state}`);
  for (const [node, stateOf] of states.entries())
    if (stateOf() !== state) watch.violate(`node ${node} says ${stateOf()}, the home ${state}`);
  const holding = holders.filter((holds) => holds()).length;
  if (holding !== 1) watch.violate(`a minute after all faults ${holding} hold the lease`);
  held.check((what) => watch.violate(what));
  const { violations } = watch;
  return {
    population,
    replicas: size,
    reports,
    calls,
    met: home.met ?? 0,
    excess: held.excess,
    well: held.well,
    violations,
  };
}
