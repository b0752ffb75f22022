import type { TimeSource } from "./time-source.ts";
import { failed, type Mark, resized, type Window, type WindowSize, type WindowSnapshot } from "./window.ts";

/** All states of a circuit: of those that no clock brings about, the last three, somebody decides. */
export const circuitStates = [
  "closed",
  "open",
  "half-open",
  "forced-open",
  "disabled",
  "metrics-only",
] as const;

export type CircuitState = (typeof circuitStates)[number];

/** Why a circuit opened. */
export type OpeningReason = "failures" | "slow-calls" | "probe" | "fleet" | "forced";

/** When a circuit opens and closes. Numbers, read at each use, so they may be changed while it runs. */
export interface CircuitRules {
  /** Failures in a row that open it; `Infinity` for no such rule. */
  consecutiveFailures: number;
  /** The share of failures in the window that opens it. Above 1 it never does. */
  failureRate: number;
  /** The share of slow calls in the window that opens it. Above 1 it never does. */
  slowCallRate: number;
  /** Calls that the window must hold before a rate counts. */
  minimumCalls: number;
  /** Milliseconds. */
  openFor: number;
  /** Milliseconds: each opening soon after another doubles `openFor`, up to this. */
  maximumOpenFor: number;
  /** Calls let through at a time while half-open. */
  probes: number;
  /** Probes that must succeed, one after the other, to close it. */
  successesToClose: number;
}

/** Milliseconds that a circuit stays open at least when it is asked to. */
const shortestAsked = 1_000;

/**
 * How long a circuit stays open: doubled with each opening soon after another, or as long as the failure that opened it
 * asked to wait (`Retry-After`), and never longer than the rules allow.
 */
export function openTime(
  { openFor, maximumOpenFor }: Pick<CircuitRules, "openFor" | "maximumOpenFor">,
  reopenings: number,
  asked: number | undefined,
): number {
  const wanted = asked === undefined ? openFor * 2 ** reopenings : Math.max(asked, shortestAsked);
  return Math.min(wanted, Math.max(openFor, maximumOpenFor));
}

/** Plain JSON, with durations and no times, so that it may be restored under another clock. */
export interface CircuitSnapshot {
  readonly state: CircuitState;
  readonly reopenings: number;
  /** Failures in a row so far. Snapshots of old have none. */
  readonly consecutiveFailures?: number;
  /** Milliseconds until it half-opens; 0 in other states. */
  readonly remaining: number;
  readonly window: WindowSnapshot;
}

/**
 * A circuit without clock, timer or promise: what to do with a call, and what its outcome changes.
 *
 * Every change of state begins a new epoch; the outcome of a call that began in another epoch is ignored. So does a
 * permit that is given anew because its call hangs: that call's outcome still counts, but it has no permit to return.
 */
export class Circuit {
  state: CircuitState = "closed";
  epoch = 0;
  /** Why it opened last. */
  reason: OpeningReason = "failures";
  /** How often it has opened soon after the time before. */
  reopenings = 0;
  readonly rules: CircuitRules;
  window: Window;
  #consecutive = 0;
  /** When it may half-open. */
  #until = 0;
  #openedAt = 0;
  #closedAt = -Infinity;
  /** The epoch in which it half-opened. */
  #halfOpened = 0;
  #probing = 0;
  #probedAt = 0;
  #succeeded = 0;
  /** Milliseconds that the failure which opened it asked to wait. */
  #asked: number | undefined;

  constructor(rules: CircuitRules, window: Window) {
    this.rules = rules;
    this.window = window;
  }

  /** The share of failures in the window; 0 when it is empty. */
  get failureRate(): number {
    return this.window.failures / (this.window.calls || 1);
  }

  /** Milliseconds that it stays open this time. */
  get openFor(): number {
    return openTime(this.rules, this.reopenings, this.#asked);
  }

  /** Gives it a window of another size, which goes on with what this one holds. */
  resize(size: WindowSize, time: TimeSource): void {
    this.window = resized(this.window, size, time);
  }

  /** Whether a call may pass. An open circuit half-opens here, when its time has come and a call asks. */
  admit(time: TimeSource): boolean {
    if (this.state === "open" && time.now() >= this.#until) this.halfOpen();
    if (this.state === "half-open") return this.#probe(time);
    return this.state !== "open" && this.state !== "forced-open";
  }

  /** Milliseconds until a refused call may be admitted; `Infinity` while it is forced open. */
  retryAfter(time: TimeSource): number {
    if (this.state === "forced-open") return Infinity;
    const at = this.state === "open" ? this.#until : this.#probedAt + this.openFor;
    return Math.max(0, at - time.now());
  }

  /**
   * A call that began in `epoch` ended. Says whether the state changed.
   *
   * @param asked milliseconds that the other side asked to wait: if this failure opens the circuit, it is for so long
   */
  record(epoch: number, mark: Mark, time: TimeSource, asked?: number): boolean {
    const { state } = this;
    if (epoch !== this.epoch && (state !== "half-open" || epoch < this.#halfOpened)) return false;
    if (state === "half-open") {
      if (mark !== 0) return this.open("probe", time, asked);
      this.release(epoch);
      if (++this.#succeeded < this.rules.successesToClose) return false;
      this.close(time);
      return true;
    }
    if (state !== "closed" && state !== "metrics-only") return false;
    this.#consecutive = mark & failed ? this.#consecutive + 1 : 0;
    this.window.record(mark, time);
    return mark !== 0 && state === "closed" && this.#judge(time, asked);
  }

  /** A call that began in `epoch` ended without telling anything: its caller gave up, or a policy refused it. */
  release(epoch: number): void {
    // Not below 0: a probe that a fleet sent took no permit here.
    if (epoch === this.epoch && this.state === "half-open") this.#probing = Math.max(0, this.#probing - 1);
  }

  /** Opens, for as long as the rules say, or as was asked. */
  open(reason: OpeningReason, time: TimeSource, asked?: number): true {
    const soon = this.state === "half-open" || time.now() - this.#closedAt <= this.openFor;
    this.reopenings = soon ? this.reopenings + 1 : 0;
    this.#asked = asked;
    this.openUntil(this.openFor, reason, time);
    return true;
  }

  /** Opens, or stays open, for so many milliseconds from now: what a fleet decided. */
  openUntil(remaining: number, reason: OpeningReason, time: TimeSource): void {
    const now = time.now();
    if (this.state !== "open") this.#enter("open", reason, now);
    this.#until = now + remaining;
  }

  halfOpen(): void {
    this.#enter("half-open", this.reason, 0);
    this.#halfOpened = this.epoch;
    this.#probing = 0;
    this.#succeeded = 0;
  }

  close(time: TimeSource): void {
    this.#closedAt = time.now();
    this.#enter("closed", this.reason, this.#closedAt);
    this.#consecutive = 0;
    this.window.clear();
  }

  /** Takes a state that only a person gives, until another one is given. */
  force(state: "forced-open" | "disabled" | "metrics-only", time: TimeSource): void {
    this.#enter(state, "forced", time.now());
  }

  /** As if it were new: closed, with nothing remembered. */
  reset(time: TimeSource): void {
    this.close(time);
    this.reopenings = 0;
    this.#closedAt = -Infinity;
  }

  /** Milliseconds since it left the closed state. */
  openedFor(time: TimeSource): number {
    return time.now() - this.#openedAt;
  }

  snapshot(time: TimeSource): CircuitSnapshot {
    this.window.age(time);
    return {
      state: this.state,
      reopenings: this.reopenings,
      consecutiveFailures: this.#consecutive,
      remaining: this.state === "open" ? Math.max(0, this.#until - time.now()) : 0,
      window: this.window.snapshot(),
    };
  }

  restore(snapshot: CircuitSnapshot, time: TimeSource): void {
    this.reset(time);
    this.window.restore(snapshot.window, time);
    this.reopenings = snapshot.reopenings;
    this.#consecutive = snapshot.consecutiveFailures ?? 0;
    const { state, remaining } = snapshot;
    if (state === "open" || state === "half-open") this.openUntil(remaining, "failures", time);
    else if (state !== "closed") this.force(state, time);
  }

  #probe(time: TimeSource): boolean {
    const now = time.now();
    // A probe that never ends must not hold the circuit for ever: after one open time its permit goes to another call.
    if (this.#probing >= this.rules.probes && now - this.#probedAt >= this.openFor) {
      this.#probing = 0;
      this.epoch++;
    }
    if (this.#probing >= this.rules.probes) return false;
    this.#probing++;
    this.#probedAt = now;
    return true;
  }

  /** Whether the outcome of a call that began in `epoch` tells of the state that holds now. */
  #judge(time: TimeSource, asked?: number): boolean {
    const { rules, window, failureRate } = this;
    const enough = window.calls >= rules.minimumCalls;
    if (this.#consecutive >= rules.consecutiveFailures || (enough && failureRate >= rules.failureRate))
      return this.open("failures", time, asked);
    const slow = enough && window.slowCalls / window.calls >= rules.slowCallRate;
    return slow && this.open("slow-calls", time, asked);
  }

  #enter(state: CircuitState, reason: OpeningReason, now: number): void {
    if (this.state === "closed") this.#openedAt = now;
    this.state = state;
    this.reason = reason;
    this.epoch++;
  }
}
