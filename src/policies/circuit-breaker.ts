import { known, span, whole, within } from "../core/check.ts";
import { judgeValue, type Verdict } from "../core/classify.ts";
import type { Clock } from "../core/clock.ts";
import type { Context } from "../core/context.ts";
import { argument, type Description, durationArgument, given } from "../core/description.ts";
import { type Duration, milliseconds } from "../core/duration.ts";
import { isRejected, RejectedError } from "../core/errors.ts";
import type { AbortListener } from "../core/leg.ts";
import { platform } from "../core/platform.ts";
import { definePolicy, type Policy, type Service } from "../core/policy.ts";
import { Circuit, type CircuitRules, type CircuitSnapshot, type CircuitState } from "../state/circuit.ts";
import type { Store } from "../state/sync.ts";
import { CountWindow, failed, failedSlowly, slow, TimeWindow, type Window } from "../state/window.ts";
import { announce, Fleet, type FleetPassage, type Probe } from "./fleet.ts";

export interface CircuitBreakerOptions {
  /** Stands in events and rejections, and is the name of the shared circuit. Default `circuit`. */
  readonly name?: string;
  /** Opens after so many failures in a row. Default: no such rule. */
  readonly consecutiveFailures?: number;
  /** Opens when this share of the window failed. Default 0.5. */
  readonly failureRate?: number;
  /** A call that took longer counts as slow. Default: none does. */
  readonly slowCall?: Duration;
  /** Opens when this share of the window was slow. Default 1, with `slowCall`. */
  readonly slowCallRate?: number;
  /** The calls that the rates look at: a number of calls, or a span of time such as `"30s"`. Default 100 calls. */
  readonly window?: number | Exclude<Duration, number>;
  /** Calls that the window must hold before a rate counts. Default 20, or the whole window if that is fewer calls. */
  readonly minimumCalls?: number;
  /** How long it stays open before it lets probes through. Default 30 s. */
  readonly openFor?: Duration;
  /** Each opening soon after another doubles `openFor`, up to this. Default 5 m, or `openFor` if that is longer. */
  readonly maximumOpenFor?: Duration;
  /** Calls let through at a time while half-open; the others are rejected. Default 1. */
  readonly probes?: number;
  /** Probes that must succeed to close it. Default 1. */
  readonly successesToClose?: number;
  /** The home that it shares with other tabs, isolates or processes. Default: it is alone. */
  readonly shared?: Store;
}

/** A circuit breaker is also a switch and a gauge. */
export interface CircuitBreaker extends Policy {
  readonly name: string;
  /** What holds for the next call: its own state, or the fleet's where that is not closed. */
  readonly state: CircuitState;
  /** The share of failures in the window, 0 to 1. */
  readonly failureRate: number;
  /** Refuses all calls until `close` or `reset`. */
  open(): void;
  /** Lets calls through again. */
  close(): void;
  /** As if it were new. */
  reset(): void;
  /** Lets all calls through and counts none. */
  disable(): void;
  /** Lets all calls through and counts them. */
  metricsOnly(): void;
  /** Plain JSON to restore from, with durations and no times. */
  snapshot(): CircuitSnapshot;
  restore(snapshot: CircuitSnapshot): void;
  /**
   * Asks the home now, for the start of a page: no call does that or waits for it.
   *
   * Settles when the home has answered or failed to; at once when nothing is shared.
   */
  sync(): Promise<void>;
}

const options = [
  "name",
  "consecutiveFailures",
  "failureRate",
  "slowCall",
  "slowCallRate",
  "window",
  "minimumCalls",
  "openFor",
  "maximumOpenFor",
  "probes",
  "successesToClose",
  "shared",
] as const;

/**
 * Refuses calls to a dependency that keeps failing, and lets a few probe whether it has recovered.
 *
 * A failure is what the environment's `classify` calls one: policies' own rejections, save timeouts, and the caller's
 * own abort are none. What a call tells that began before the last change of state is ignored. With `shared` the
 * circuit is one for all that use its name: each decides at once by what it knows, and reports in the background.
 *
 * @example
 * const circuit = circuitBreaker({ name: "prices", consecutiveFailures: 5, openFor: "10s" });
 */
export function circuitBreaker(chosen: CircuitBreakerOptions = {}): CircuitBreaker {
  known(chosen, "circuitBreaker", options);
  const breaker = new Breaker(chosen);
  const { circuit, fleet } = breaker;

  const policy = definePolicy(describeBreaker(chosen), <Q, S>(next: Service<Q, S>) => {
    return function circuitBreaker(request: Q, context: Context): Promise<S> {
      breaker.clock = context.environment.clock;
      if (fleet === undefined && circuit.state === "closed")
        return breaker.pass(next, request, context, undefined);
      return breaker.decide(next, request, context);
    };
  });

  const switches: Omit<CircuitBreaker, keyof Policy | "state" | "failureRate"> = {
    name: breaker.name,
    open: () => circuit.force("forced-open", breaker.clock),
    close: () => circuit.close(breaker.clock),
    reset: () => circuit.reset(breaker.clock),
    disable: () => circuit.force("disabled", breaker.clock),
    metricsOnly: () => circuit.force("metrics-only", breaker.clock),
    snapshot: () => circuit.snapshot(breaker.clock),
    restore: (snapshot) => circuit.restore(snapshot, breaker.clock),
    sync: () => fleet?.sync(breaker.clock, undefined) ?? Promise.resolve(),
  };
  return Object.defineProperties(Object.assign(policy, switches), {
    state: { get: () => fleet?.state ?? circuit.state, enumerable: true },
    failureRate: { get: () => circuit.failureRate, enumerable: true },
  }) as CircuitBreaker;
}

/** What all calls of one circuit share. */
class Breaker {
  readonly name: string;
  readonly circuit: Circuit;
  readonly fleet: Fleet | undefined;
  readonly slowAfter: number;
  /** The clock of the last call: the switches, which no call carries, use it too. */
  clock: Clock = platform.clock;

  constructor(chosen: CircuitBreakerOptions) {
    this.name = chosen.name ?? "circuit";
    const window = windowOf(chosen);
    this.circuit = new Circuit(rulesOf(chosen), window);
    this.fleet = chosen.shared === undefined ? undefined : new Fleet(this.name, this.circuit, chosen.shared);
    this.slowAfter =
      chosen.slowCall === undefined ? Infinity : milliseconds(chosen.slowCall, "circuitBreaker: slowCall");
  }

  /** Lets a call pass or refuses it, first by what the fleet says and then by the circuit itself. */
  decide<Q, S>(next: Service<Q, S>, request: Q, context: Context): Promise<S> {
    const { circuit, fleet, clock } = this;
    const gate = fleet === undefined ? "pass" : fleet.gate(context);
    if (gate === "refuse") return this.#refuse(context, (fleet as Fleet).retryAfter(clock));
    if (gate === "bypass") return this.pass(next, request, context, undefined);
    if (gate !== "pass") return this.pass((fleet as Fleet).cutOff(next, gate), request, context, gate);
    const before = circuit.state;
    if (!circuit.admit(clock)) return this.#refuse(context, circuit.retryAfter(clock));
    if (circuit.state !== before) announce(circuit, this.name, before, context);
    return this.pass(next, request, context, undefined);
  }

  /** Sends a call that may pass, and takes note of how it ends. */
  pass<Q, S>(next: Service<Q, S>, request: Q, context: Context, probe: Probe | undefined): Promise<S> {
    const passage = new Passage(this, context, probe);
    let answer: Promise<S>;
    try {
      answer = next(request, context);
    } catch (error) {
      passage.end(judgeError(error, context));
      throw error;
    }
    return answer.then(
      (value) => {
        passage.end(judgeValue(context.environment, value).kind);
        return value;
      },
      (error: unknown) => {
        passage.end(judgeError(error, context));
        throw error;
      },
    );
  }

  /** A call has ended, or nobody waits for it any more. */
  record(kind: Verdict["kind"], passage: Passage): void {
    const { circuit, fleet, clock } = this;
    if (kind === "ignored") {
      circuit.release(passage.epoch);
      fleet?.ignore(passage, clock);
      return;
    }
    const ok = kind === "success";
    const late = this.slowAfter !== Infinity && clock.now() - passage.startedAt > this.slowAfter;
    const before = circuit.state;
    const changed = ok
      ? circuit.succeed(passage.epoch, late ? slow : 0, clock)
      : circuit.fail(passage.epoch, late ? failedSlowly : failed, clock);
    // While a person lets all calls through, in the whole fleet, what this circuit makes of them is nobody's news.
    if (changed && fleet?.bypassed !== true) announce(circuit, this.name, before, passage.context);
    fleet?.record(passage, ok, late, changed);
  }

  #refuse(context: Context, retryAfter: number): Promise<never> {
    const details = retryAfter === Infinity ? {} : { retryAfter };
    context.emit({ type: "circuit.rejected", circuit: this.name, ...details });
    return Promise.reject(
      new RejectedError("circuit-open", this.name, `circuit ${this.name} is open`, details),
    );
  }
}

/** One call between its admission and its end. */
class Passage implements AbortListener, FleetPassage {
  readonly context: Context;
  readonly probe: Probe | undefined;
  readonly epoch: number;
  readonly fleetEpoch: number;
  readonly startedAt: number;
  readonly #breaker: Breaker;
  #ended = false;

  constructor(breaker: Breaker, context: Context, probe: Probe | undefined) {
    this.#breaker = breaker;
    this.context = context;
    this.probe = probe;
    this.epoch = breaker.circuit.epoch;
    this.fleetEpoch = breaker.fleet?.epoch ?? 0;
    this.startedAt = breaker.slowAfter === Infinity ? 0 : breaker.clock.now();
    // A probe gives its permit back at the abort, and a timeout further out is a failure, even if the service never
    // settles. Elsewhere nobody need listen.
    if (context.bounded || probe !== undefined || breaker.circuit.state === "half-open")
      context.leg.add(this);
  }

  onAbort(reason: unknown): void {
    this.end(isRejected(reason, "timeout") ? "failure" : "ignored");
  }

  end(kind: Verdict["kind"]): void {
    if (this.#ended) return;
    this.#ended = true;
    this.context.leg.remove(this);
    this.#breaker.record(kind, this);
  }
}

function judgeError(error: unknown, { leg, environment }: Context): Verdict["kind"] {
  if (leg.aborted) return isRejected(leg.reason, "timeout") ? "failure" : "ignored";
  return environment.classify({ error }).kind;
}

function rulesOf(chosen: CircuitBreakerOptions): CircuitRules {
  const label = (option: string): string => `circuitBreaker: ${option}`;
  const { consecutiveFailures, failureRate, slowCall, slowCallRate, probes, successesToClose } = chosen;
  const openFor = span(chosen.openFor ?? "30s", label("openFor"));
  const most = typeof chosen.window === "number" ? chosen.window : Infinity;
  return {
    consecutiveFailures:
      consecutiveFailures === undefined ? Infinity : whole(consecutiveFailures, label("consecutiveFailures")),
    failureRate: within(failureRate ?? 0.5, label("failureRate"), 0.0001, 1),
    slowCallRate:
      slowCall === undefined ? Infinity : within(slowCallRate ?? 1, label("slowCallRate"), 0.0001, 1),
    // More calls than the window can hold would never be enough.
    minimumCalls: within(
      whole(chosen.minimumCalls ?? Math.min(20, most), label("minimumCalls")),
      label("minimumCalls"),
      1,
      most,
    ),
    openFor,
    maximumOpenFor: milliseconds(
      chosen.maximumOpenFor ?? Math.max(openFor, 300_000),
      label("maximumOpenFor"),
    ),
    probes: whole(probes ?? 1, label("probes")),
    successesToClose: whole(successesToClose ?? 1, label("successesToClose")),
  };
}

function windowOf({ window = 100 }: CircuitBreakerOptions): Window {
  return typeof window === "number"
    ? new CountWindow(whole(window, "circuitBreaker: window"))
    : new TimeWindow(span(window, "circuitBreaker: window"));
}

function describeBreaker(chosen: CircuitBreakerOptions): Description {
  return {
    policy: "circuitBreaker",
    arguments: given(
      argument(chosen.name, "name"),
      argument(chosen.consecutiveFailures, "consecutiveFailures"),
      argument(chosen.failureRate, "failureRate"),
      durationArgument(chosen.slowCall, "slowCall"),
      argument(chosen.slowCallRate, "slowCallRate"),
      typeof chosen.window === "number"
        ? argument(chosen.window, "window")
        : durationArgument(chosen.window, "window"),
      argument(chosen.minimumCalls, "minimumCalls"),
      durationArgument(chosen.openFor, "openFor"),
      durationArgument(chosen.maximumOpenFor, "maximumOpenFor"),
      argument(chosen.probes, "probes"),
      argument(chosen.successesToClose, "successesToClose"),
      argument(chosen.shared, "shared"),
    ),
  };
}
