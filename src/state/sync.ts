import type { CircuitState, OpeningReason } from "./circuit.ts";

/** What every report says, whatever is shared. */
interface ReportHead {
  /** Who reports: a tab, an isolate, a process. */
  readonly replica: string;
  /** Grows by one with each new report of the replica. */
  readonly seq: number;
  /** The newest epoch that the replica has heard of, to which what it says belongs; 0 before the first view. */
  readonly epoch: number;
}

/** What every view says, whatever is shared. Durations in milliseconds, never times. */
interface ViewHead {
  /** Every change that others must know of begins a new one. A view of an older epoch is ignored. */
  readonly epoch: number;
  /** When to report again: a slot that is kept for this replica. */
  readonly nextSync: number;
  /** The probability with which news is reported at once and not at `nextSync`. Default 1, as old homes have it. */
  readonly urgency?: number;
}

/**
 * What one replica tells the home of a shared circuit.
 *
 * Counts are what came since the last report. A report whose fate is unknown is sent again unchanged, under its own
 * `seq`, so that nothing counts twice.
 */
export interface CircuitReport extends ReportHead {
  readonly kind?: "circuit";
  readonly ok: number;
  readonly fail: number;
  readonly slow: number;
  /** The standing vote: by its own evidence the circuit should be open. */
  readonly open: boolean;
  /** Its own window holds too few calls for a judgement of its own: its counts speak for it. */
  readonly few?: boolean;
  /** A call is waiting to probe. */
  readonly wantsProbe: boolean;
  /** How a probe under a permit ended; that of a region says whose probe it was. */
  readonly probe?: { readonly permit: string; readonly ok: boolean; readonly by?: string };
  /** Milliseconds that the last failure asked to wait, if it did. */
  readonly asked?: number;
  /** Of a region's home, which speaks for its replicas. */
  readonly region?: RegionSays;
  /** What the replica's own policy says; durations in milliseconds. */
  readonly rules: SharedRules;
}

/** What a region's home says for its replicas. */
export interface RegionSays {
  /** Whatever home it has at the time, a region speaks with one voice. */
  readonly name: string;
  /** How many replicas it speaks for. */
  readonly size: number;
  /** How many of them vote for opening. */
  readonly votes: number;
  /** How many more of them have counts that speak for it, and how many calls these hold. */
  readonly failing: number;
  readonly calls: number;
}

export interface SharedRules {
  readonly openFor: number;
  readonly maximumOpenFor: number;
  readonly probes: number;
  readonly successesToClose: number;
  /** Calls without which the counts of the fleet say nothing. */
  readonly minimumCalls?: number;
  /** The share of failures from which on counts speak for opening. */
  readonly failureRate?: number;
  /** The share of slow calls from which on counts speak for opening. */
  readonly slowCallRate?: number;
}

/** What the home of a shared circuit tells a replica. */
export interface CircuitView extends ViewHead {
  readonly kind?: "circuit";
  readonly state: CircuitState;
  readonly reason: OpeningReason;
  /** Until an open circuit half-opens. */
  readonly remaining: number;
  /** How long it stays open this time. */
  readonly openFor: number;
  /** The leave to send one probe, within `ttl` of when the report was sent. */
  readonly permit?: { readonly id: string; readonly ttl: number };
}

/** What one replica tells the home of a shared rate limit. */
export interface LimiterReport extends ReportHead {
  readonly kind: "limiter";
  /** How much it could use, as a share of the whole fleet's limit; above 1 when its callers want more than that. */
  readonly demand: number;
  /** The `seq` of the report that was answered with the lease in force; 0 for none. */
  readonly lease: number;
}

/** What the home of a shared rate limit tells a replica: a batch of the fleet's calls, to be spent evenly. */
export interface LimiterView extends ViewHead {
  readonly kind: "limiter";
  /** The share of the fleet's limit that is this replica's, for `ttl` from when the report was sent. */
  readonly share: number;
  /** 0 for no lease. */
  readonly ttl: number;
  /** How many replicas there are: without a lease each keeps to its part. */
  readonly fleet: number;
  /** How often somebody had it forget what was counted; nothing before the first time. */
  readonly resets?: number;
}

/** What one replica tells the home of a lease. */
export interface LeaseReport extends ReportHead {
  readonly kind: "lease";
  /** Whether it would hold the lease, or hold it on. */
  readonly wants: boolean;
  /** Milliseconds for which it would hold it. */
  readonly ttl: number;
}

/** What the home of a lease tells a replica. */
export interface LeaseView extends ViewHead {
  readonly kind: "lease";
  /** Whether this replica holds it. The `epoch` is then its fencing token. */
  readonly held: boolean;
  /** Until the lease ends unless it is renewed, from when the report was sent; 0 when nobody holds it. */
  readonly remaining: number;
}

/** What a replica tells a home. Old versions send no `kind` with that of a circuit. */
export type Report = CircuitReport | LimiterReport | LeaseReport;

/** What a home tells a replica: of the kind that was reported on. */
export type View = CircuitView | LimiterView | LeaseView;

/**
 * Where shared circuits, limits and leases live. One method: hand in what this replica saw, take back what all of them
 * know.
 *
 * It is called in the background, never on a request's way.
 */
export interface Store {
  /**
   * @param name of the circuit, limit or lease; a name holds one thing of one kind
   * @param onNews hears views that come unasked, where the home can push
   * @throws when the home cannot be reached; `overloaded: true` on the error asks for a longer pause, `refused: true` says
   *   that this report will never be taken
   */
  sync(name: string, report: Report, onNews: (view: View) => void): Promise<View>;
}
