import type { CircuitState, PolicyEvent } from "../core/events.ts";
import type { ObservedEvent } from "./live.ts";
import { type Counts, type SlotSnapshot, Slots } from "./slots.ts";
import {
  type CircuitReport,
  type PolicyState,
  type SystemState,
  type WindowName,
  type WindowState,
  windowSpans,
} from "./system-state.ts";

/** Policies that are told apart; the events of further names count as those of `(other)`. */
const mostPolicies = 500;
const others = "(other)";
const mostCircuits = 50;
const mostReporters = 1_000;
/** Events before this many milliseconds ago are counted as of then: a client's clock is not trusted. */
const oldest = 60_000;
const reporterStays = 60_000;

/** What the observer takes: the part of a batch that it needs, as a collector has read it. */
export interface ObservedBatch {
  readonly source: { readonly id: string; readonly kind: string };
  /** The sender's clock when it was sent, in milliseconds since 1970. */
  readonly sentAt: number;
  /** Events that never left the sender. */
  readonly dropped: number;
  readonly events: readonly PolicyEvent[];
}

interface Watched {
  lastEventAt: number;
  readonly slots: Slots;
  readonly circuits: Map<string, CircuitReport>;
  readonly transitions: Map<string, number>;
  readonly reporters: Map<string, number>;
}

/** Plain JSON of one policy, to keep over a restart. */
export interface PolicySnapshot {
  readonly policy: string;
  readonly lastEventAt: number;
  readonly slots: readonly SlotSnapshot[];
  readonly totals: Counts;
  readonly circuits: readonly CircuitReport[];
  readonly transitions: readonly (readonly [string, number])[];
}

/** What a policy has counted since the observer began, for metrics. */
export interface PolicyTotals {
  readonly policy: string;
  readonly totals: Readonly<Counts>;
  readonly circuits: readonly CircuitReport[];
  /** `circuit` and the state it came to, by how often. */
  readonly transitions: readonly (readonly [circuit: string, to: string, count: number])[];
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
  readonly #policies = new Map<string, Watched>();

  constructor(since: number) {
    this.since = since;
  }

  /** Takes a batch, and gives its events back as they were understood. */
  fold(batch: ObservedBatch, now: number): ObservedEvent[] {
    this.dropped += batch.dropped;
    const source = `${batch.source.kind} ${batch.source.id.slice(0, 4)}`;
    return batch.events.map((event) => {
      const age = Math.min(Math.max(0, batch.sentAt - event.at), oldest);
      const policy = this.#toldApart(event.policy) ? event.policy : others;
      const observed: ObservedEvent = { ...event, policy, at: now - age, source };
      this.#take(observed, batch.source.id, now);
      return observed;
    });
  }

  /** The names of the policies that are told apart. */
  policies(): string[] {
    return [...this.#policies.keys()];
  }

  getPolicyState(policy: string, now: number): PolicyState | undefined {
    const watched = this.#policies.get(policy);
    if (watched === undefined) return undefined;
    const { slots, circuits, reporters, lastEventAt } = watched;
    const window = (name: WindowName): WindowState => slots.window(windowSpans[name], now, this.since);
    return {
      policy,
      lastEventAt,
      reporters: [...reporters.values()].filter((seen) => now - seen < reporterStays).length,
      windows: { "1m": window("1m"), "5m": window("5m"), "15m": window("15m") },
      circuits: [...circuits.values()],
      series: slots.series(now),
    };
  }

  /** Failures by requests, or `null` when that is unknown. */
  getErrorRate(policy: string, window: WindowName, now: number): number | null {
    return this.getPolicyState(policy, now)?.windows[window].errorRate ?? null;
  }

  getCircuitState(circuit: string): CircuitState | undefined {
    for (const { circuits } of this.#policies.values()) {
      const report = circuits.get(circuit);
      if (report !== undefined) return report.state;
    }
    return undefined;
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

  totals(): PolicyTotals[] {
    return [...this.#policies].map(([policy, { slots, circuits, transitions }]) => ({
      policy,
      totals: slots.totals,
      circuits: [...circuits.values()],
      transitions: [...transitions].map(([key, count]) => {
        const [circuit, to] = JSON.parse(key) as [string, string];
        return [circuit, to, count] as const;
      }),
    }));
  }

  snapshot(policy: string): PolicySnapshot | undefined {
    const watched = this.#policies.get(policy);
    if (watched === undefined) return undefined;
    return {
      policy,
      lastEventAt: watched.lastEventAt,
      slots: watched.slots.snapshot(),
      totals: { ...watched.slots.totals },
      circuits: [...watched.circuits.values()],
      transitions: [...watched.transitions],
    };
  }

  restore(snapshot: PolicySnapshot): void {
    const watched = this.#watch(snapshot.policy);
    watched.lastEventAt = snapshot.lastEventAt;
    watched.slots.restore(snapshot.slots, snapshot.totals);
    for (const report of snapshot.circuits) watched.circuits.set(report.circuit, report);
    for (const [key, count] of snapshot.transitions) watched.transitions.set(key, count);
  }

  #take(event: ObservedEvent, reporter: string, now: number): void {
    this.events++;
    const watched = this.#watch(event.policy);
    watched.lastEventAt = now;
    watched.slots.add(event, now);
    watched.reporters.delete(reporter);
    if (watched.reporters.size >= mostReporters) {
      watched.reporters.delete(watched.reporters.keys().next().value as string);
    }
    watched.reporters.set(reporter, now);
    const report = circuitReport(event, watched.circuits);
    if (report === undefined) return;
    const before = watched.circuits.get(report.circuit);
    if (before === undefined && watched.circuits.size >= mostCircuits) return;
    watched.circuits.set(report.circuit, report);
    if (before?.state === report.state) return;
    const key = JSON.stringify([report.circuit, report.state]);
    watched.transitions.set(key, (watched.transitions.get(key) ?? 0) + 1);
  }

  #toldApart(policy: string): boolean {
    const room = mostPolicies + (this.#policies.has(others) ? 1 : 0);
    return this.#policies.size < room || this.#policies.has(policy);
  }

  #watch(policy: string): Watched {
    const known = this.#policies.get(policy);
    if (known !== undefined) return known;
    const watched: Watched = {
      lastEventAt: 0,
      slots: new Slots(),
      circuits: new Map(),
      transitions: new Map(),
      reporters: new Map(),
    };
    this.#policies.set(policy, watched);
    return watched;
  }
}

/** What an event says of a circuit, if it came to another state. */
function circuitReport(
  event: PolicyEvent,
  known: ReadonlyMap<string, CircuitReport>,
): CircuitReport | undefined {
  if (
    event.type !== "circuit.opened" &&
    event.type !== "circuit.half-opened" &&
    event.type !== "circuit.closed"
  ) {
    return undefined;
  }
  const { circuit, at } = event;
  const before = known.get(circuit);
  const opened = event.type === "circuit.opened";
  const state = opened ? openState(event) : event.type === "circuit.closed" ? "closed" : "half-open";
  const until = opened && event.openFor !== undefined ? at + event.openFor : null;
  // Each isolate tells of the same change, some later than others; only the first telling is one.
  if (before !== undefined && at < before.since) return undefined;
  if (before?.state === state)
    return (until ?? 0) > (before.until ?? Infinity) ? { ...before, until } : undefined;
  return {
    circuit,
    state,
    since: at,
    until,
    reason: opened ? event.reason : null,
    openings: (before?.openings ?? 0) + (opened ? 1 : 0),
  };
}

function openState(event: { readonly openFor?: number }): CircuitState {
  return event.openFor === undefined ? "forced-open" : "open";
}
