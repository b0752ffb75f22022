import { type Adaptive, isAdaptive } from "../core/adaptive.ts";
import type { Verdict } from "../core/classify.ts";
import type { Clock } from "../core/clock.ts";
import { Context } from "../core/context.ts";
import { RejectedError } from "../core/errors.ts";
import { type Exit, type Passage, pass, through } from "../core/exit.ts";
import { LayeredPolicy } from "../core/layered-policy.ts";
import { type Readers, settings, type Table } from "../core/options.ts";
import { type Environment, platform } from "../core/platform.ts";
import type { Layer, Policy, Service } from "../core/policy.ts";
import { Circuit, type CircuitRules, type CircuitSnapshot, type CircuitState } from "../state/circuit.ts";
import { failed, type Mark, slow, type WindowSize, windowOf } from "../state/window.ts";
import { Admission, type Gate, Watch } from "./admission.ts";
import { announce } from "./announce.ts";
import {
  type CircuitBreakerOptions,
  circuitRules,
  circuitTable,
  refuseContradictions,
} from "./circuit-options.ts";
import { checkedSnapshot } from "./circuit-snapshot.ts";
import type { Fleet, Guard, Probe } from "./fleet.ts";

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
  /** @throws RangeError that names what is wrong with a snapshot; all then stays as it was */
  restore(snapshot: CircuitSnapshot): void;
  /**
   * Asks the home now, for the start of a page: no call does that or waits for it.
   *
   * Settles when the home has answered or failed to; at once when nothing is shared.
   */
  sync(): Promise<void>;
}

/** @internal The options of `circuitBreaker`, for tools. */
export const circuitBreakerOptions: Table = circuitTable;

/**
 * Refuses calls to a dependency that keeps failing, and lets a few probe whether it has recovered.
 *
 * A failure is what the environment's `classify` calls one: policies' own rejections, save timeouts, and the caller's
 * own abort are none. What a call tells that began before the last change of state is ignored. With `shared` the
 * circuit is one for all that use its name: each decides at once by what it knows, and reports in the background. When the
 * failure that opens it says how long to wait (`Retry-After`), it stays open for that time instead of `openFor`.
 *
 * @example
 * const circuit = circuitBreaker({ name: "prices", consecutiveFailures: 5, openFor: "10s" });
 */
export function circuitBreaker(chosen: CircuitBreakerOptions = {}): CircuitBreaker {
  return new Breaker(chosen) as CircuitBreaker;
}

/** The platform's clock, as long as no call has brought its own. */
const uncalled: Clock = { ...platform.clock };

/** What all calls of one circuit share. One for each key of a `keyed`, so that its size counts. */
class Breaker extends LayeredPolicy implements Omit<CircuitBreaker, keyof Policy>, Guard, Gate {
  readonly name: string;
  readonly #circuit: Circuit;
  readonly #fleet: Fleet | undefined;
  /** How to read the rules, where they may change; else they were read once. */
  readonly #read: Readers<typeof circuitTable> | undefined;
  /** The size of the window. */
  #size: WindowSize;
  /** What of its rules may change, unless a function says them at each call; and how often they had when it read them. */
  readonly #adaptives: readonly Adaptive<unknown>[] | undefined;
  #changes = 0;
  #slowAfter = Infinity;
  /** The clock of the last call: the switches, which no call carries, use it too. */
  #clock: Clock = uncalled;
  /** The last switch before the first call, when nobody knew by which clock. */
  #early: ((clock: Clock) => void) | undefined;
  #environment: Environment | undefined;

  override readonly layer: Layer = <Q, S>(next: Service<Q, S>) => {
    const breaker = this;
    return through(
      next,
      (inner) =>
        function circuitBreaker(request: Q, context: Context, exit: Exit<S>): unknown {
          return breaker.#call(next, inner, request, context, exit);
        },
    );
  };

  constructor(chosen: CircuitBreakerOptions) {
    const { read, recipe } = settings("circuitBreaker", chosen, circuitTable);
    super(recipe, (next) => next);
    const begun = Context.begin();
    const values = Object.values(chosen);
    this.name = read.name(begun);
    this.#size = read.window(begun);
    this.#circuit = new Circuit({} as CircuitRules, windowOf(this.#size));
    const computed = values.some((value) => typeof value === "function");
    // What a function of the context says is known at the first call; until then the defaults stand in for it.
    this.#tune(
      computed ? settings("circuitBreaker", { window: chosen.window }, circuitTable).read : read,
      begun,
    );
    refuseContradictions(chosen, this.#size, this.#circuit.rules);
    const adaptives = values.filter(isAdaptive);
    if (computed || adaptives.length > 0) this.#read = read;
    if (!computed) this.#adaptives = adaptives;
    this.#fleet = chosen.shared?.fleet(this.name, this.#circuit);
  }

  get state(): CircuitState {
    return this.#fleet?.state ?? this.#circuit.state;
  }

  get failureRate(): number {
    return this.#circuit.failureRate;
  }

  open(): void {
    this.#switch((clock) => this.#circuit.force("forced-open", clock));
  }

  close(): void {
    this.#switch((clock) => this.#circuit.close(clock));
  }

  reset(): void {
    this.#switch((clock) => this.#circuit.reset(clock));
  }

  disable(): void {
    this.#switch((clock) => this.#circuit.force("disabled", clock));
  }

  metricsOnly(): void {
    this.#switch((clock) => this.#circuit.force("metrics-only", clock));
  }

  snapshot(): CircuitSnapshot {
    return this.#circuit.snapshot(this.#clock);
  }

  restore(snapshot: CircuitSnapshot): void {
    const checked = checkedSnapshot(snapshot);
    this.#apply((clock) => this.#circuit.restore(checked, clock));
  }

  sync(): Promise<void> {
    return this.#fleet?.sync(this.#clock, undefined) ?? Promise.resolve();
  }

  #switch(act: (clock: Clock) => void): void {
    const before = this.#circuit.state;
    this.#apply(act);
    if (this.#environment !== undefined)
      this.#announceSwitch(before, Context.begin().within(this.#environment));
  }

  #apply(act: (clock: Clock) => void): void {
    act(this.#clock);
    if (this.#clock === uncalled) this.#early = act;
  }

  /** Tells what somebody's hand did, where the calls before it were told of. */
  #announceSwitch(from: CircuitState, context: Context): void {
    const { state, failureRate } = this.#circuit;
    if (state === from) return;
    const circuit = this.name;
    if (state === "forced-open") {
      context.emit({ type: "circuit.opened", circuit, from, failureRate, reason: "forced" });
    } else if (from === "open" || from === "half-open" || from === "forced-open") {
      announce(this.#circuit, circuit, from, context);
    }
  }

  /** The first call, or one in another environment than the call before. */
  #enter(context: Context): void {
    const { environment } = context;
    const first = this.#environment === undefined;
    this.#environment = environment;
    if (environment.clock !== this.#clock) this.#changeClock(environment.clock);
    if (first) this.#announceSwitch("closed", context);
  }

  #changeClock(clock: Clock): void {
    if (this.#clock === uncalled && clock !== platform.clock) {
      this.#early?.(clock);
      this.#fleet?.changeClock(clock);
    }
    this.#clock = clock;
  }

  /** Whether its rules may be others than those that it read last. */
  #hasChanged(): boolean {
    if (this.#adaptives === undefined) return true;
    let changes = 0;
    for (const { version } of this.#adaptives) changes += version;
    if (changes === this.#changes) return false;
    this.#changes = changes;
    return true;
  }

  #tune(read: Readers<typeof circuitTable>, context: Context): void {
    const size = read.window(context);
    if (size !== this.#size) this.#circuit.resize(size, this.#clock);
    this.#size = size;
    const slowCall = read.slowCall(context);
    this.#slowAfter = slowCall ?? Infinity;
    Object.assign(this.#circuit.rules, circuitRules(read, context, size, slowCall !== undefined));
  }

  /** Lets a call pass or refuses it, first by what the fleet says and then by the circuit itself. */
  #call<Q, S>(
    next: Service<Q, S>,
    inner: Passage<Q, S>,
    request: Q,
    context: Context,
    exit: Exit<S>,
  ): unknown {
    const circuit = this.#circuit;
    const { clock } = context.environment;
    if (context.environment !== this.#environment) this.#enter(context);
    if (this.#read !== undefined && this.#hasChanged()) this.#tune(this.#read, context);
    const another = this.#fleet?.divert(this, next, inner, context);
    if (another !== undefined) return another(request, context, exit);
    if (circuit.state !== "closed") {
      const before = circuit.state;
      if (!circuit.admit(clock)) return exit.fail(this.refusal(context, circuit.retryAfter(clock)));
      if (circuit.state !== before) announce(circuit, this.name, before, context);
    }
    return pass(inner, request, context, this.admit(context, exit, undefined));
  }

  /** What takes note of how a call ends that may pass. */
  admit<S>(context: Context, exit: Exit<S>, probe: Probe | undefined): Exit<S> {
    const { state, epoch } = this.#circuit;
    // A probe gives its permit back at the abort, and a timeout further out is a failure, even if the service never
    // settles. Elsewhere nobody need listen, and the epoch is all that a call must remember.
    const listens = context.bounded || probe !== undefined || state === "half-open";
    const timed = this.#slowAfter !== Infinity;
    const found = probe === undefined ? state : "half-open";
    if (!listens && this.#fleet === undefined && !timed) {
      return new Admission(this, context, exit, epoch, found);
    }
    const note = this.#fleet?.note(context, probe);
    const startedAt = timed ? this.#clock.now() : 0;
    return new Watch(this, context, exit, epoch, found, note, startedAt, listens);
  }

  /**
   * A call has ended, or nobody waits for it any more. Says whether the state changed.
   *
   * @param late whether it took longer than a call should
   */
  record({ kind, retryAfter }: Verdict, epoch: number, context: Context, late: boolean): boolean {
    const circuit = this.#circuit;
    const before = circuit.state;
    let changed = false;
    if (kind === "ignored") circuit.release(epoch);
    else {
      const ok = kind === "success";
      const mark = ((ok ? 0 : failed) | (late ? slow : 0)) as Mark;
      changed = circuit.record(epoch, mark, this.#clock, ok ? undefined : retryAfter);
    }
    // While a person lets all calls through, in the whole fleet, what this circuit makes of them is nobody's news.
    if (changed && this.#fleet?.bypassed !== true) announce(circuit, this.name, before, context);
    return changed;
  }

  /** The same for a call of which more must be known. */
  recordWatched(verdict: Verdict, watch: Watch<never>): void {
    const slowAfter = this.#slowAfter;
    const late = slowAfter !== Infinity && this.#clock.now() - watch.startedAt > slowAfter;
    const changed = this.record(verdict, watch.epoch, watch.context, late);
    if (watch.note !== undefined) this.#fleet?.record(watch.note, verdict, late, changed);
  }

  /** What a call is refused with. */
  refusal(context: Context, retryAfter: number): RejectedError {
    const details = retryAfter === Infinity ? {} : { retryAfter };
    context.emit({ type: "circuit.rejected", circuit: this.name, state: this.state, ...details });
    const who = this.name === circuitTable.name.initial ? "" : "circuit ";
    const message = `${who}${this.name} is open`;
    return new RejectedError("circuit-open", this.name, message, { ...details, context });
  }
}
