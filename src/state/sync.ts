import type { CircuitState, OpeningReason } from "./circuit.ts";

/**
 * What one replica (a tab, an isolate, a process) tells the home of a shared circuit.
 *
 * Counts are what came since the last report. A report whose fate is unknown is sent again unchanged, under its own
 * `seq`, so that nothing counts twice.
 */
export interface Report {
  readonly replica: string;
  /** Grows by one with each new report of the replica. */
  readonly seq: number;
  /** The epoch that the counts and the vote belong to; 0 before the first view. */
  readonly epoch: number;
  readonly ok: number;
  readonly fail: number;
  readonly slow: number;
  /** The standing vote: by its own evidence the circuit should be open. */
  readonly open: boolean;
  /** A call is waiting to probe. */
  readonly wantsProbe: boolean;
  /** How a probe under a permit ended. */
  readonly probe?: { readonly permit: string; readonly ok: boolean };
  /** Milliseconds that the last failure asked to wait, if it did. */
  readonly asked?: number;
  /** What the replica's own policy says; durations in milliseconds. */
  readonly rules: SharedRules;
}

export interface SharedRules {
  readonly openFor: number;
  readonly maximumOpenFor: number;
  readonly probes: number;
  readonly successesToClose: number;
}

/** What the home of a shared circuit tells a replica. Durations in milliseconds, never times. */
export interface View {
  /** Every change of state begins a new one. A view of an older epoch is ignored. */
  readonly epoch: number;
  readonly state: CircuitState;
  readonly reason: OpeningReason;
  /** Until an open circuit half-opens. */
  readonly remaining: number;
  /** How long it stays open this time. */
  readonly openFor: number;
  /** When to report again. */
  readonly nextSync: number;
  /** The leave to send one probe, within `ttl` of when the report was sent. */
  readonly permit?: { readonly id: string; readonly ttl: number };
}

/**
 * Where a shared circuit lives. One method: hand in what this replica saw, take back what all of them know.
 *
 * It is called in the background, never on a request's way.
 */
export interface Store {
  /**
   * @param name of the circuit
   * @param onNews hears views that come unasked, where the home can push
   * @throws when the home cannot be reached; `overloaded` on the error asks for a longer pause
   */
  sync(name: string, report: Report, onNews: (view: View) => void): Promise<View>;
}
