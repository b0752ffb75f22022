import { bound } from "../core/bound.ts";
import type { Verdict } from "../core/classify.ts";
import type { Clock } from "../core/clock.ts";
import type { Context } from "../core/context.ts";
import { deadlinesByClock } from "../core/deadlines.ts";
import type { RejectedError } from "../core/errors.ts";
import { kindOf } from "../core/events.ts";
import { type Exit, type Passage, pass, passageOf } from "../core/exit.ts";
import { platform } from "../core/platform.ts";
import type { Service } from "../core/policy.ts";
import type { Circuit, CircuitState } from "../state/circuit.ts";
import { Replica } from "../state/replica.ts";
import type { CircuitView, Store, View } from "../state/sync.ts";

import { FleetLimiter } from "./fleet-limiter.ts";
import { lossOf } from "./loss.ts";

/** The leave to send one probe for the whole fleet, until a time by the replica's clock. */
export interface Probe {
  readonly id: string;
  readonly until: number;
}

/** What the fleet remembers of a call under way. */
export interface FleetNote {
  readonly context: Context;
  readonly probe: Probe | undefined;
  readonly epoch: number;
}

/** What the fleet needs of the policy that has the circuit. */
export interface Guard {
  /** What takes note of how a call ends that may pass. */
  admit<S>(context: Context, exit: Exit<S>, probe: Probe | undefined): Exit<S>;
  /** What a call is refused with. */
  refusal(context: Context, retryAfter: number): RejectedError;
}

/** A store that circuits and limits can be shared by: it brings along what makes one of many. */
export interface SharedStore extends Store {
  /** @internal A circuit joins those that report to this store under its name. */
  fleet(name: string, circuit: Circuit): Fleet;
  /** @internal A rate limit joins those that report to this store under its name. */
  limiter(name: string): FleetLimiter;
}

/**
 * Makes a home that circuits can share of a store of one's own.
 *
 * What `ninelives/stores/*` exports is one already. The store brings the machinery of sharing along, so that circuits
 * that share nothing do not carry it.
 *
 * @example
 * declare const store: Store;
 * const circuit = circuitBreaker({ name: "prices", shared: sharedBy(store) });
 *
 * @param spread milliseconds within which a circuit makes its first report, by chance: of a fleet that begins all at once,
 *   each would else report at the same time. News is told at once nevertheless. Default 0
 */
export function sharedBy(store: Store, spread = 0): SharedStore {
  return {
    sync: (name, report, onNews) => store.sync(name, report, onNews),
    fleet: (name, circuit) => new Fleet(name, circuit, store, spread),
    limiter: (name) => new FleetLimiter(name, store),
  };
}

/** Homes of old versions say no kind. */
function isCircuit(view: View): view is CircuitView {
  return view.kind === undefined || view.kind === "circuit";
}

/**
 * A circuit's share in a fleet's: asks the replica at each call, and talks to the home in the background.
 *
 * No call waits for the home. When a report is due, the call that notices starts it and goes on.
 */
export class Fleet {
  readonly #name: string;
  readonly #circuit: Circuit;
  readonly #store: Store;
  /** Until the first report was told when to go. */
  #spread: number;
  readonly #replica: Replica;
  readonly #deadlinesOf = deadlinesByClock();
  /** The last call's: news that comes unasked is told through it. */
  #context: Context | undefined;

  constructor(name: string, circuit: Circuit, store: Store, spread: number) {
    this.#name = name;
    this.#circuit = circuit;
    this.#store = store;
    this.#spread = spread;
    this.#replica = new Replica(circuit.rules);
  }

  /** The fleet's state where it is not closed. */
  get state(): CircuitState | undefined {
    const state = this.#replica.view?.state;
    return state === "closed" ? undefined : state;
  }

  /** Whether all calls pass, whatever the circuit itself says. */
  get bypassed(): boolean {
    return this.state === "disabled" || this.state === "metrics-only";
  }

  /** Another way for a call than through the circuit, if the fleet does not leave that to it. */
  divert<Q, S>(
    guard: Guard,
    next: Service<Q, S>,
    inner: Passage<Q, S>,
    context: Context,
  ): Passage<Q, S> | undefined {
    const gate = this.#gate(context);
    if (gate === "pass") return undefined;
    return (request, context, exit) => {
      const { clock } = context.environment;
      if (gate === "refuse") return exit.fail(guard.refusal(context, this.#replica.retryAfter(clock.now())));
      const probe = gate === "bypass" ? undefined : gate;
      const way = probe === undefined ? inner : passageOf(this.#cutOff(next, probe));
      return pass(way, request, context, guard.admit(context, exit, probe));
    };
  }

  /** Remembers a call that passes. */
  note(context: Context, probe: Probe | undefined): FleetNote {
    return { context, probe, epoch: this.#replica.epoch };
  }

  /** What the fleet says of a call; a probe is the leave to send it whatever the circuit itself says. */
  #gate(context: Context): "pass" | "bypass" | "refuse" | Probe {
    const { clock, random } = context.environment;
    const now = clock.now();
    if (this.#spread) this.#replica.wait(now, random() * this.#spread);
    this.#spread = 0;
    this.#context = context;
    const gate = this.#replica.gate(now);
    if (this.#replica.due(now)) context.environment.waitUntil(this.sync(clock, context));
    if (gate === "probe") return this.#replica.takePermit();
    if (gate !== "expired") return gate;
    // The home has been silent for long: from here on the circuit finds out by itself, one probe at a time.
    if (!isForced(this.#circuit)) this.#circuit.openUntil(0, "fleet", clock);
    return "pass";
  }

  /** From here on another clock counts. What was heard by the one before was heard just now. */
  changeClock(clock: Clock): void {
    this.#replica.seenAt = clock.now();
  }

  /** A service whose calls end when the leave to probe does: after it another replica may be probing. */
  #cutOff<Q, S>(next: Service<Q, S>, probe: Probe): Service<Q, S> {
    return (request, context) => {
      const { clock } = context.environment;
      return bound(next, request, context, probe.until - clock.now(), this.#deadlinesOf(clock));
    };
  }

  /** A call has ended; `changed` says that it changed the circuit's own state. */
  record({ context, probe, epoch }: FleetNote, verdict: Verdict, slow: boolean, changed: boolean): void {
    const { clock } = context.environment;
    const now = clock.now();
    if (verdict.kind === "ignored") {
      // It told nothing: its leave to probe goes to the next one.
      if (probe !== undefined) this.#replica.returnPermit(probe, epoch, now);
      return;
    }
    const ok = verdict.kind === "success";
    this.#replica.count(epoch, ok, slow, verdict.retryAfter);
    if (probe !== undefined) this.#replica.probed(probe.id, epoch, ok && !slow, now);
    // An opening is told at once, so that the others need not find out by themselves.
    else if (changed) this.#replica.tell(now);
    if (this.#replica.due(now)) context.environment.waitUntil(this.sync(clock, context));
  }

  /** Reports to the home and takes its view. Never rejects. */
  async sync(clock: Clock, context: Context | undefined): Promise<void> {
    const replica = this.#replica;
    const sentAt = clock.now();
    const { random } = context?.environment ?? platform;
    const { hangs } = replica;
    if (hangs !== undefined) {
      context?.emit({ type: "store.failed", circuit: this.#name, kind: "timeout", retryIn: hangs });
    }
    const { state, window, rules } = this.#circuit;
    const open = state === "open" || state === "half-open";
    const few = state === "closed" && window.calls < rules.minimumCalls;
    const report = replica.report(sentAt, open, () => random().toString(36).slice(2, 12), few);
    try {
      const view = await this.#store.sync(this.#name, report, (news) => this.#hear(news, clock));
      if (!isCircuit(view)) throw new TypeError(`the home holds a ${view.kind} under this name`);
      const before = this.state ?? "closed";
      if (replica.answered(report, view, sentAt, clock.now(), random()))
        this.#follow(before, view, clock, context);
    } catch (error) {
      const retryIn = replica.lost(report, clock.now(), lossOf(error), random());
      if (retryIn === undefined) return;
      context?.emit({ type: "store.failed", circuit: this.#name, kind: kindOf(error), retryIn });
    }
  }

  #hear(view: View, clock: Clock): void {
    const { random } = this.#context?.environment ?? platform;
    const before = this.state ?? "closed";
    if (isCircuit(view) && this.#replica.hear(view, clock.now(), random()))
      this.#follow(before, view, clock, this.#context);
  }

  /** The fleet began a new epoch: the circuit itself follows where it must, and the sink hears of it. */
  #follow(from: CircuitState, view: CircuitView, clock: Clock, context: Context | undefined): void {
    const circuit = this.#name;
    switch (view.state) {
      case "open":
      case "forced-open": {
        // The fleet opened on this circuit's own evidence, which has been told; that a probe failed has not.
        if (view.state === "open" && this.#circuit.state === "open" && from !== "half-open") return;
        const { failureRate } = this.#circuit;
        const { reason, openFor } = view;
        const until = view.state === "open" ? { openFor } : {};
        context?.emit({ type: "circuit.opened", circuit, from, failureRate, reason, ...until });
        return;
      }
      case "half-open":
        context?.emit({ type: "circuit.half-opened", circuit, from });
        return;
      default: {
        // Closed by the fleet's probe, or by a person: either knows better than this circuit's own evidence, but not
        // than what a person made of this circuit.
        const alone = this.#circuit.state === "closed" || isForced(this.#circuit);
        if (alone && from === "closed") return;
        const openFor = alone ? 0 : this.#circuit.openedFor(clock);
        if (!alone) this.#circuit.close(clock);
        context?.emit({ type: "circuit.closed", circuit, from, openFor });
      }
    }
  }
}

/** Whether a circuit has a state that only a person gives. */
function isForced({ state }: Circuit): boolean {
  return state === "forced-open" || state === "disabled" || state === "metrics-only";
}
