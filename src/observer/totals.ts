import type { CallMeasures, CircuitCall } from "../core/events.ts";
import { Histogram, type HistogramSnapshot } from "../state/histogram.ts";

/** Seconds. Source: OpenTelemetry's conventions for `http.client.request.duration`. */
const durations = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const attempts = [1, 2, 3, 4, 5, 10];
/** Seconds. */
const openFor = [1, 5, 10, 30, 60, 120, 300, 600, 1_800];

type Count = readonly [key: string, count: number];

/** Plain JSON. */
export interface TotalsSnapshot {
  readonly calls: readonly Count[];
  readonly transitions: readonly Count[];
  readonly inTime: number;
  readonly durations: HistogramSnapshot;
  readonly attempts: HistogramSnapshot;
  readonly openFor: readonly (readonly [circuit: string, HistogramSnapshot])[];
}

/** What one policy has counted since the observer began, beside what its slots count: numbers that only grow. */
export class Totals {
  /** Operations that ended within their timeout. */
  inTime = 0;
  /** Seconds that calls took. */
  readonly durations: Histogram = new Histogram(durations);
  /** How often calls went out. */
  readonly attempts: Histogram = new Histogram(attempts);
  readonly #openFor = new Map<string, Histogram>();
  readonly #calls = new Map<string, number>();
  readonly #transitions = new Map<string, number>();

  /** Counts a call that ended, and was not given up. A call that was refused took no time of the service. */
  ended(measures: CallMeasures, traceId: string | undefined, at: number): void {
    if (measures.attempts === 0) return;
    const value = measures.duration / 1_000;
    this.durations.record(value, traceId === undefined ? undefined : { traceId, value, at });
    this.attempts.record(measures.attempts);
  }

  /** Counts how a call went through a circuit. */
  called({ circuit, state, result }: Omit<CircuitCall, "result"> & { readonly result: string }): void {
    add(this.#calls, [circuit, state, result]);
  }

  /** Counts a change of a circuit's state, and the milliseconds that it was open for when it closed. */
  changed(circuit: string, to: string, wasOpenFor: number | undefined): void {
    add(this.#transitions, [circuit, to]);
    if (wasOpenFor !== undefined) this.#open(circuit).record(wasOpenFor / 1_000);
  }

  calls(): (readonly [circuit: string, state: string, result: string, count: number])[] {
    return [...this.#calls].map(([key, count]) => [...(JSON.parse(key) as [string, string, string]), count]);
  }

  transitions(): (readonly [circuit: string, to: string, count: number])[] {
    return [...this.#transitions].map(([key, count]) => [...(JSON.parse(key) as [string, string]), count]);
  }

  /** Seconds that circuits were open for, by circuit. */
  openings(): (readonly [circuit: string, Histogram])[] {
    return [...this.#openFor];
  }

  snapshot(): TotalsSnapshot {
    return {
      calls: [...this.#calls],
      transitions: [...this.#transitions],
      inTime: this.inTime,
      durations: this.durations.snapshot(),
      attempts: this.attempts.snapshot(),
      openFor: [...this.#openFor].map(([circuit, histogram]) => [circuit, histogram.snapshot()]),
    };
  }

  /** Takes up where a snapshot was; what an older version did not count yet is zero. */
  restore(snapshot: Partial<TotalsSnapshot>): void {
    for (const [key, count] of snapshot.calls ?? []) this.#calls.set(key, count);
    for (const [key, count] of snapshot.transitions ?? []) this.#transitions.set(key, count);
    this.inTime = snapshot.inTime ?? 0;
    if (snapshot.durations !== undefined) this.durations.restore(snapshot.durations);
    if (snapshot.attempts !== undefined) this.attempts.restore(snapshot.attempts);
    for (const [circuit, histogram] of snapshot.openFor ?? []) this.#open(circuit).restore(histogram);
  }

  #open(circuit: string): Histogram {
    const known = this.#openFor.get(circuit) ?? new Histogram(openFor);
    this.#openFor.set(circuit, known);
    return known;
  }
}

function add(counts: Map<string, number>, labels: readonly string[]): void {
  const key = JSON.stringify(labels);
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
