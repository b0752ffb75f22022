import type { CallMeasures, CircuitCall, CircuitState, EventStamp } from "../core/events.ts";
import { circuitStates } from "../state/circuit.ts";
import { Histogram, type HistogramSnapshot } from "../state/histogram.ts";
import type { PolicyTally } from "./tally.ts";

/** Seconds. Source: OpenTelemetry's conventions for `http.client.request.duration`. */
const durations = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const attempts = [1, 2, 3, 4, 5, 10];
/** Seconds. */
const openFor = [1, 5, 10, 30, 60, 120, 300, 600, 1_800];

const results = ["success", "failure", "ignored", "rejected"] as const;

/** What became of a call that came to a circuit. */
export type CallResult = (typeof results)[number];

/** A count, by the JSON of its labels. */
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

/** Of one circuit. */
interface CircuitTotals {
  /** By state, and in each by result: one list takes a tenth of the room that a map by names would. */
  readonly calls: number[];
  /** By the state that it came to. */
  readonly transitions: number[];
  /** Seconds that it was open for; absent while it never closed. */
  openFor: Histogram | undefined;
}

/** What one policy has counted since the observer began, beside what its slots count: numbers that only grow. */
export class Totals {
  /** Operations that ended within their timeout. */
  inTime = 0;
  /** Seconds that calls took. */
  readonly durations: Histogram = new Histogram(durations);
  /** How often calls went out. */
  readonly attempts: Histogram = new Histogram(attempts);
  readonly #circuits = new Map<string, CircuitTotals>();

  /** Counts a call that ended, and was not given up. A call that was refused took no time of the service. */
  ended(measures: CallMeasures & Pick<EventStamp, "traceId" | "weight">, at: number): void {
    if (measures.attempts === 0) return;
    const { traceId, weight } = measures;
    const value = measures.duration / 1_000;
    this.durations.record(value, traceId === undefined ? undefined : { traceId, value, at }, weight);
    this.attempts.record(measures.attempts, undefined, weight);
  }

  /** Counts how a call went through a circuit. */
  called(
    { circuit, state, result }: Omit<CircuitCall, "result"> & { readonly result: CallResult },
    times = 1,
  ): void {
    const index = circuitStates.indexOf(state) * results.length + results.indexOf(result);
    addTo(this.#circuit(circuit).calls, index, times);
  }

  /** Adds what another one counted, but for circuits' calls and changes. */
  merge({ inTime, durations, exemplars, attempts }: PolicyTally): void {
    this.inTime += inTime;
    this.durations.restore(durations);
    for (const [bucket, exemplar] of exemplars) this.durations.exemplars[bucket] = exemplar;
    this.attempts.restore(attempts);
  }

  /** Counts a change of a circuit's state, and the milliseconds that it was open for when it closed. */
  changed(circuit: string, to: CircuitState, wasOpenFor: number | undefined): void {
    addTo(this.#circuit(circuit).transitions, circuitStates.indexOf(to), 1);
    if (wasOpenFor !== undefined) this.#open(circuit).record(wasOpenFor / 1_000);
  }

  /** Counts changes of a circuit that somebody else added up. */
  changedOften(circuit: string, to: CircuitState, times: number): void {
    addTo(this.#circuit(circuit).transitions, circuitStates.indexOf(to), times);
  }

  /** Counts how long a circuit was open for, which somebody else added up. */
  wasOpen(circuit: string, openFor: HistogramSnapshot): void {
    this.#open(circuit).restore(openFor);
  }

  calls(): (readonly [circuit: string, state: CircuitState, result: CallResult, count: number])[] {
    return [...this.#circuits].flatMap(([circuit, { calls }]) =>
      circuitStates.flatMap((state, row) =>
        results.flatMap((result, column) => {
          const count = calls[row * results.length + column] as number;
          return count === 0 ? [] : [[circuit, state, result, count] as const];
        }),
      ),
    );
  }

  transitions(): (readonly [circuit: string, to: CircuitState, count: number])[] {
    return [...this.#circuits].flatMap(([circuit, { transitions }]) =>
      circuitStates.flatMap((to, index) => {
        const count = transitions[index] as number;
        return count === 0 ? [] : [[circuit, to, count] as const];
      }),
    );
  }

  /** Seconds that circuits were open for, by circuit. */
  openings(): (readonly [circuit: string, Histogram])[] {
    return [...this.#circuits].flatMap(([circuit, { openFor }]) =>
      openFor === undefined ? [] : [[circuit, openFor] as const],
    );
  }

  snapshot(): TotalsSnapshot {
    return {
      calls: this.calls().map(([circuit, state, result, count]) => [
        JSON.stringify([circuit, state, result]),
        count,
      ]),
      transitions: this.transitions().map(([circuit, to, count]) => [JSON.stringify([circuit, to]), count]),
      inTime: this.inTime,
      durations: this.durations.snapshot(),
      attempts: this.attempts.snapshot(),
      openFor: this.openings().map(([circuit, histogram]) => [circuit, histogram.snapshot()]),
    };
  }

  /** Adds what a snapshot holds to what is known; what an older version did not count yet is zero. */
  restore(snapshot: Partial<TotalsSnapshot>): void {
    for (const [key, count] of snapshot.calls ?? []) {
      const [circuit, state, result] = JSON.parse(key) as [string, CircuitState, CallResult];
      const index = circuitStates.indexOf(state) * results.length + results.indexOf(result);
      addTo(this.#circuit(circuit).calls, index, count);
    }
    for (const [key, count] of snapshot.transitions ?? []) {
      const [circuit, to] = JSON.parse(key) as [string, CircuitState];
      addTo(this.#circuit(circuit).transitions, circuitStates.indexOf(to), count);
    }
    this.inTime += snapshot.inTime ?? 0;
    if (snapshot.durations !== undefined) this.durations.restore(snapshot.durations);
    if (snapshot.attempts !== undefined) this.attempts.restore(snapshot.attempts);
    for (const [circuit, histogram] of snapshot.openFor ?? []) this.wasOpen(circuit, histogram);
  }

  #circuit(circuit: string): CircuitTotals {
    const known = this.#circuits.get(circuit);
    if (known !== undefined) return known;
    const calls = new Array<number>(circuitStates.length * results.length).fill(0);
    const transitions = new Array<number>(circuitStates.length).fill(0);
    const totals = { calls, transitions, openFor: undefined };
    this.#circuits.set(circuit, totals);
    return totals;
  }

  #open(circuit: string): Histogram {
    const totals = this.#circuit(circuit);
    totals.openFor ??= new Histogram(openFor);
    return totals.openFor;
  }
}

/** What a newer version calls otherwise has no place, and is left out. */
function addTo(counts: number[], index: number, by: number): void {
  if (index >= 0) counts[index] = (counts[index] as number) + by;
}
