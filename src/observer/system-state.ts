import type { CircuitState } from "../core/events.ts";

/** The windows that the observer keeps, by name, in milliseconds. */
export const windowSpans = { "1m": 60_000, "5m": 300_000, "15m": 900_000 } as const;

export type WindowName = keyof typeof windowSpans;

/** What one window saw. `null` stands for unknown, which is not zero. */
export interface WindowState {
  /** Calls that ended, save those that their callers gave up. */
  readonly requests: number;
  readonly failures: number;
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
  /** Attempts after the first. */
  readonly retries: number;
  readonly timeouts: number;
  /** Calls that a circuit or a bulkhead refused. */
  readonly rejected: number;
  readonly fallbacks: number;
}

export interface CircuitReport {
  readonly circuit: string;
  readonly state: CircuitState;
  /** When it came to this state, in milliseconds since 1970 by the observer's clock. */
  readonly since: number;
  /** When an open circuit may half-open, where that is known. */
  readonly until: number | null;
  readonly reason: string | null;
  /** How often it opened since the observer began. */
  readonly openings: number;
}

/** The last two minutes, oldest first, for a sparkline. */
export interface Series {
  /** Milliseconds that one point covers. */
  readonly step: number;
  readonly requests: readonly number[];
  readonly failures: readonly number[];
  readonly rejected: readonly number[];
  /** Milliseconds; `null` where there was no call. */
  readonly p99: readonly (number | null)[];
}

export interface PolicyState {
  readonly policy: string;
  /** Milliseconds since 1970 by the observer's clock. */
  readonly lastEventAt: number;
  /** Sources (pages, isolates) that told of it within the last minute. */
  readonly reporters: number;
  readonly windows: Readonly<Record<WindowName, WindowState>>;
  readonly circuits: readonly CircuitReport[];
  readonly series: Series;
}

export interface SystemState {
  readonly version: 1;
  /** The observer's clock when this was made, in milliseconds since 1970. */
  readonly at: number;
  /** Since when it has been watching: what was before is unknown. */
  readonly since: number;
  /** Events that it took, and those that never reached it because a buffer was full. */
  readonly events: number;
  readonly dropped: number;
  readonly policies: readonly PolicyState[];
}
