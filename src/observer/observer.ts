import type { CircuitState, PolicyEvent } from "../core/events.ts";
import type { HistogramValue } from "../state/metric-family.ts";
import { type CircuitRecord, Circuits } from "./circuits.ts";
import { type CallCounts, countCalls, unknownLimits } from "./count-calls.ts";
import { type FollowerRecord, Followers } from "./followers.ts";
import type { ObservedEvent } from "./live.ts";
import { nameOfSource } from "./observed.ts";
import { checkBatch, type ObservedBatch } from "./observed-batch.ts";
import { ownTime } from "./own-time.ts";
import { markOf, Reporters, type ReportersSnapshot } from "./reporters.ts";
import { type Counts, Slot, type SlotSnapshot } from "./slot.ts";
import { Slots } from "./slots.ts";
import {
  type Limits,
  type PolicyState,
  type SystemState,
  type WindowName,
  windowSpans,
} from "./system-state.ts";
import type { PolicyTally, TallyPart } from "./tally.ts";
import { Totals, type TotalsSnapshot } from "./totals.ts";
import { worstState } from "./worst-state.ts";

/** Policies that are told apart; the events of further names count as those of `(other)`. */
export const mostPolicies = 500;
/** The policy that the events of all names count for that are too many. */
export const otherPolicies = "(other)";
/** Circuits of all policies together that are told apart, so that hostile names cannot fill the memory. */
export const mostCircuits = 2_500;
/** A policy that was silent for longer than the longest window makes room for another. */
const silentFor = windowSpans["15m"];

/** What the observer writes into an event that is its own. */
interface Own {
  policy: string;
  at: number;
  source: string;
}

interface Watched extends CallCounts {
  readonly circuits: Circuits;
  lastEventAt: number;
  readonly slots: Slots;
  readonly followers: Followers;
  readonly reporters: Reporters;
}

/** Plain JSON of one policy, to keep over a restart. Later versions add to it. */
export interface PolicySnapshot extends Partial<Omit<TotalsSnapshot, "transitions">> {
  readonly policy: string;
  readonly lastEventAt: number;
  readonly slots: readonly SlotSnapshot[];
  readonly totals: Partial<Counts>;
  readonly circuits: Parameters<Circuits["restore"]>[0];
  readonly transitions: TotalsSnapshot["transitions"];
  readonly limits?: Limits;
  readonly followers?: readonly FollowerRecord[];
  readonly reporters?: ReportersSnapshot;
}

/** What a policy has counted since the observer began, for metrics: plain JSON. */
export interface PolicyTotals {
  readonly policy: string;
  readonly counts: Readonly<Counts>;
  readonly inTime: number;
  readonly durations: HistogramValue;
  readonly attempts: HistogramValue;
  readonly calls: ReturnType<Totals["calls"]>;
  readonly transitions: ReturnType<Totals["transitions"]>;
  readonly openings: readonly (readonly [circuit: string, HistogramValue])[];
  readonly circuits: readonly Pick<CircuitRecord, "circuit" | "state" | "heardAt">[];
}

/**
 * Folds events into what a person or a program wants to know: rates, latencies and circuit states over the last minutes.
 *
 * Time comes in as milliseconds since 1970, by one clock, that of the observer. Memory is bounded whatever arrives.
 */
export class Observer {
  readonly since: number;
  events = 0;
  dropped = 0;
  /** Policies that made room for others since whoever stores them last took their names out. */
  readonly forgotten: string[] = [];
  readonly #policies = new Map<string, Watched>();
  readonly #room = { left: mostCircuits };

  /** @param since when it began to watch, in milliseconds since 1970: what was before is unknown */
  constructor(since: number) {
    this.since = since;
  }

  /**
   * Takes a batch, and gives its events back as they were understood.
   *
   * @throws TypeError when it is no batch. Its events are taken for granted: `readBatch` checks those of strangers.
   */
  fold(batch: ObservedBatch, now: number): ObservedEvent[] {
    checkBatch(batch);
    return this.take({ ...batch, events: batch.events.map((event) => ({ ...event })) }, now);
  }

  /** Takes over a batch that nobody else holds: its events become those that are given back, which spares copies. */
  take(batch: ObservedBatch, now: number): ObservedEvent[] {
    this.dropped += batch.dropped;
    const source = nameOfSource(batch.source);
    const reporter = markOf(batch.source.id);
    const events = batch.events as (PolicyEvent & Own)[];
    for (const event of events) {
      event.policy = this.#nameOf(event.policy, now);
      event.at = ownTime(event.at, batch.sentAt, now);
      event.source = source;
      this.#take(event as ObservedEvent, reporter, now);
    }
    return events as ObservedEvent[];
  }

  /**
   * Adds what others have counted, as if it had taken their batches.
   *
   * @returns the policies of which something is known that was not, and the last events as they were understood
   */
  merge(
    { events, dropped, policies, whole, recent }: TallyPart,
    now: number,
  ): { readonly policies: ReadonlySet<string>; readonly recent: readonly ObservedEvent[] } {
    this.events += events;
    this.dropped += dropped;
    const named = new Set<string>();
    for (const tally of policies) {
      const name = this.#nameOf(tally.policy, now);
      named.add(name);
      const own = whole.flatMap((event) => (event.policy === tally.policy ? { ...event, policy: name } : []));
      this.#mergeOne(this.#watch(name), tally, own, now);
    }
    const told = recent.map((event) => {
      const isKnown = this.#policies.has(event.policy);
      return isKnown ? event : { ...event, policy: otherPolicies };
    });
    return { policies: named, recent: told };
  }

  /** The names of the policies that are told apart. */
  policies(): string[] {
    return [...this.#policies.keys()];
  }

  /** Whether a policy is told apart. */
  knows(policy: string): boolean {
    return this.#policies.has(policy);
  }

  /** When anybody last told of anything, 0 for never. */
  get lastEventAt(): number {
    let last = 0;
    for (const { lastEventAt } of this.#policies.values()) last = Math.max(last, lastEventAt);
    return last;
  }

  getPolicyState(policy: string, now: number): PolicyState | undefined {
    const watched = this.#policies.get(policy);
    if (watched === undefined) return undefined;
    const { slots, circuits, limits, followers, reporters, lastEventAt } = watched;
    const document = followers.report();
    return {
      policy,
      lastEventAt,
      reporters: reporters.count(now),
      windows: slots.windows(now, this.since),
      circuits: circuits.reports(now),
      limits,
      ...(document !== undefined && { document }),
      series: slots.series(now),
    };
  }

  /** Failures by requests, or `null` when that is unknown. */
  getErrorRate(policy: string, window: WindowName, now: number): number | null {
    return this.getPolicyState(policy, now)?.windows[window].errorRate ?? null;
  }

  /** The worst state of the circuits of that name: several policies may have one each. */
  getCircuitState(circuit: string): CircuitState | undefined {
    return worstState([...this.#policies.values()].map(({ circuits }) => circuits.state(circuit)));
  }

  getSystemState(now: number): SystemState {
    return {
      version: 1,
      at: now,
      since: this.since,
      events: this.events,
      dropped: this.dropped,
      policies: this.policies().map((policy) => this.getPolicyState(policy, now) as PolicyState),
    };
  }

  /** What each policy has counted since the beginning, or since it was heard of again. */
  totals(): PolicyTotals[] {
    return [...this.#policies].map(([policy, { slots, totals, circuits }]) => ({
      policy,
      counts: { ...slots.totals },
      inTime: totals.inTime,
      durations: totals.durations.value(),
      attempts: totals.attempts.value(),
      calls: totals.calls(),
      transitions: totals.transitions(),
      openings: totals.openings().map(([circuit, histogram]) => [circuit, histogram.value()]),
      circuits: circuits.states(),
    }));
  }

  snapshot(policy: string): PolicySnapshot | undefined {
    const watched = this.#policies.get(policy);
    if (watched === undefined) return undefined;
    return {
      ...watched.totals.snapshot(),
      policy,
      lastEventAt: watched.lastEventAt,
      slots: watched.slots.snapshot(),
      totals: { ...watched.slots.totals },
      circuits: watched.circuits.snapshot(),
      limits: watched.limits,
      followers: watched.followers.snapshot(),
      reporters: watched.reporters.snapshot(),
    };
  }

  /**
   * Adds what a snapshot of a policy holds to what is known of it: the sum is exact, in whatever order. Of one that is not
   * known yet it takes up where the snapshot was.
   */
  restore(snapshot: PolicySnapshot): void {
    const watched = this.#watch(snapshot.policy);
    watched.lastEventAt = Math.max(watched.lastEventAt, snapshot.lastEventAt);
    watched.slots.restore(snapshot.slots, snapshot.totals);
    watched.totals.restore(snapshot);
    watched.circuits.restore(snapshot.circuits);
    watched.limits = { ...watched.limits, ...snapshot.limits };
    watched.followers.restore(snapshot.followers ?? []);
    if (snapshot.reporters !== undefined) watched.reporters.restore(snapshot.reporters);
  }

  #take(event: ObservedEvent, reporter: number, now: number): void {
    this.events++;
    const watched = this.#watch(event.policy);
    watched.lastEventAt = now;
    watched.slots.add(event, now);
    watched.reporters.saw(reporter, now);
    countCalls(event, event.at, watched);
    this.#takeWhole(event, watched);
  }

  #mergeOne(watched: Watched, tally: PolicyTally, whole: readonly ObservedEvent[], now: number): void {
    const { totals, circuits, limits } = watched;
    watched.lastEventAt = now;
    watched.slots.merge(Slot.of(tally.slot), now);
    for (const reporter of tally.reporters) watched.reporters.saw(reporter, now);
    const { rate, per = null } = tally.limits.rate === null ? limits : tally.limits;
    watched.limits = { concurrency: tally.limits.concurrency ?? limits.concurrency, rate, per };
    totals.merge(tally);
    // A change counts only where nobody has heard of the circuit since: so that they are taken in the order of time.
    const seen = tally.circuits.flatMap(([circuit, state, first, last]) => [
      { at: first, take: () => circuits.saw(circuit, state, first) },
      { at: last, take: () => circuits.saw(circuit, state, last) },
    ]);
    const changed = whole.map((event) => ({ at: event.at, take: () => this.#takeWhole(event, watched) }));
    for (const { take } of [...seen, ...changed].sort((a, b) => a.at - b.at)) take();
    for (const [circuit, state, result, count] of tally.calls)
      totals.called({ circuit: circuits.nameOf(circuit), state, result }, count);
    mergeChanges(tally, watched);
  }

  #takeWhole(event: ObservedEvent, { totals, circuits, followers }: Watched): void {
    if (event.policy !== otherPolicies) followers.take(event);
    const change = circuits.take(event);
    if (change === undefined) return;
    totals.changed(change.circuit, change.to, event.type === "circuit.closed" ? event.openFor : undefined);
  }

  /** The name that a policy's numbers count for. */
  #nameOf(policy: string, now: number): string {
    return this.#toldApart(policy, now) ? policy : otherPolicies;
  }

  /** Whether a policy has numbers of its own, or gets them since there is room. */
  #toldApart(policy: string, now: number): boolean {
    if (this.#policies.has(policy)) return true;
    const room = mostPolicies + (this.#policies.has(otherPolicies) ? 1 : 0);
    if (this.#policies.size < room) return true;
    for (const [name, { lastEventAt, circuits }] of this.#policies) {
      if (name === otherPolicies || now - lastEventAt <= silentFor) continue;
      circuits.leave();
      this.#policies.delete(name);
      this.forgotten.push(name);
      return true;
    }
    return false;
  }

  #watch(policy: string): Watched {
    const known = this.#policies.get(policy);
    if (known !== undefined) return known;
    const watched: Watched = {
      lastEventAt: 0,
      slots: new Slots(),
      totals: new Totals(),
      circuits: new Circuits(this.#room),
      limits: unknownLimits,
      followers: new Followers(),
      reporters: new Reporters(),
    };
    this.#policies.set(policy, watched);
    return watched;
  }
}

/** Adds changes that were too many to be told one by one, of circuits that are told apart. */
function mergeChanges({ transitions = [], openings = [] }: PolicyTally, { totals, circuits }: Watched): void {
  for (const [circuit, to, times] of transitions) {
    if (circuits.state(circuit) === undefined) continue;
    totals.changedOften(circuit, to, times);
    if (to === "open" || to === "forced-open") circuits.opened(circuit, times);
  }
  for (const [circuit, openFor] of openings)
    if (circuits.state(circuit) !== undefined) totals.wasOpen(circuit, openFor);
}
