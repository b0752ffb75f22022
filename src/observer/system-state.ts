import type { CircuitState } from "../core/events.ts";
import type { AlertReport } from "./alerts.ts";

/** The windows that the observer keeps, by name, in milliseconds. */
export const windowSpans = { "1m": 60_000, "5m": 300_000, "15m": 900_000 } as const;

export type WindowName = keyof typeof windowSpans;

/** What one window saw. `null` stands for unknown, which is not zero. */
export interface WindowState {
  /** Calls that ended, save those that their callers gave up. */
  readonly requests: number;
  readonly failures: number;
  /** Calls that succeeded because something else answered in place of a service that failed; older observers do not tell. */
  readonly degraded?: number;
  readonly aborted: number;
  /** Calls a second, over the part of the window that the observer was there for. */
  readonly rate: number;
  /** Failures by requests, 0 to 1. */
  readonly errorRate: number | null;
  /** Milliseconds that half of the calls took at most; the relative error is 2 % at most. */
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  /**
   * How often calls went out, by those that did so at all: what retries and hedges cost the service. 1 is none; a call that was
   * refused before counts for nothing here.
   */
  readonly amplification: number | null;
  readonly attempts: number;
  /** Attempts after the first. */
  readonly retries: number;
  readonly timeouts: number;
  /** Calls that a circuit, a bulkhead, a rate limit or a throttle refused: the load that was shed. */
  readonly rejected: number;
  /** Calls that waited for a slot of a bulkhead, or for their turn under a rate limit; older observers do not tell. */
  readonly waits?: number;
  readonly fallbacks: number;
  /** Hedges that were started, and those that brought the answer. */
  readonly hedges: number;
  readonly hedgesWon: number;
  /** The most calls that a bulkhead held at a time. */
  readonly active: number;
}

/** That a circuit came to a state. */
export interface Turn {
  readonly state: CircuitState;
  /** Milliseconds since 1970 by the observer's clock. */
  readonly since: number;
}

export interface CircuitReport {
  readonly circuit: string;
  readonly state: CircuitState;
  /** When it came to this state, in milliseconds since 1970 by the observer's clock. */
  readonly since: number;
  /** When an open circuit may half-open, where that is known. */
  readonly until: number | null;
  /** Why it opened, or `unconfirmed` where it counts as closed since calls pass and nobody told of its opening any more. */
  readonly reason: string | null;
  /** How often it opened since the observer began. */
  readonly openings: number;
  /** When anybody last told of it or of a call through it: an old one may not be so any more. */
  readonly heardAt: number;
  /**
   * The states before this one, oldest first, with when each began: of the last quarter of an hour, and at most 20.
   * Older observers tell none.
   */
  readonly turns?: readonly Turn[];
  /** Milliseconds in each state since it was first heard of. */
  readonly timeIn: Readonly<Partial<Record<CircuitState, number>>>;
}

/** The last two minutes, oldest first, for a sparkline. */
export interface Series {
  /** Milliseconds that one point covers. */
  readonly step: number;
  readonly requests: readonly number[];
  readonly failures: readonly number[];
  readonly rejected: readonly number[];
  /** Milliseconds; `null` where there was no call. */
  readonly p50: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
}

/** What a policy allows at a time or in a time, as last heard; `null` where nobody told. */
export interface Limits {
  /** Calls at a time, of a bulkhead or an adaptive limit. */
  readonly concurrency: number | null;
  /** Calls for each `per` that a rate limit lets through. It tells so with a call that it holds back, or when it adapts. */
  readonly rate: number | null;
  /** Milliseconds; older observers tell none. */
  readonly per?: number | null;
}

/** How far those are that follow a policy's document, as they told last: the gateway's isolates, processes, pages. */
export interface DocumentReport {
  /** The newest version that is in force with any of them; `null` where they only told of refusals. */
  readonly version: number | null;
  /** Sources that told of it, at most 50. */
  readonly followers: number;
  /** How many of them told last that they have that version. Older observers tell none. */
  readonly current?: number;
  /** Who refused a version and has put no newer one in force since, newest first, at most 5. */
  readonly refused: readonly {
    readonly source: string;
    readonly version: number;
    readonly reason: string;
    /** Milliseconds since 1970 by the observer's clock. */
    readonly at: number;
  }[];
}

export interface PolicyState {
  readonly policy: string;
  /** Milliseconds since 1970 by the observer's clock. */
  readonly lastEventAt: number;
  /** Sources (pages, isolates) that told of it within the last minute. */
  readonly reporters: number;
  readonly windows: Readonly<Record<WindowName, WindowState>>;
  readonly circuits: readonly CircuitReport[];
  readonly limits: Limits;
  /** Absent where nobody told of a document. */
  readonly document?: DocumentReport;
  readonly series: Series;
}

/** A time of which events may be missing, since the observer was restarted before it had stored them. */
export interface Gap {
  /** Milliseconds since 1970 by the observer's clock. */
  readonly from: number;
  readonly to: number;
}

/** Shards of the observer that do not answer: what they know is missing, which is not zero. */
export interface AbsentShards {
  /** Their numbers, from 0. */
  readonly shards: readonly number[];
  /** How many shards there are. */
  readonly of: number;
}

export interface SystemState {
  readonly version: 1;
  /** The observer's clock when this was made, in milliseconds since 1970. */
  readonly at: number;
  /** Since when it has been watching: what was before is unknown. */
  readonly since: number;
  /** Events that it took, and those that never reached it: for want of room, of a delivery, or because they were rejected. */
  readonly events: number;
  readonly dropped: number;
  readonly policies: readonly PolicyState[];
  /** Where the windows miss something, newest last; at most 10, of the last 15 minutes. Absent where nothing is stored. */
  readonly gaps?: readonly Gap[];
  /** The rules for alerts and what they found; absent where the observer has none. */
  readonly alerts?: readonly AlertReport[];
  /** The shards of the observer that did not answer; absent where all did. */
  readonly absent?: AbsentShards;
}
