import { type Duration, milliseconds } from "./duration.ts";
import type { CircuitCall, EventDraft, EventStamp } from "./events.ts";
import { Leg } from "./leg.ts";
import { type Environment, platform } from "./platform.ts";

/** What a caller may say of one call. */
export interface CallOptions {
  /** Ends the call at once, wherever it waits. Its reason comes out as it is and counts as no failure. */
  readonly signal?: AbortSignal | null | undefined;
  /** How long the call may take from now; inner timeouts can only be shorter. */
  readonly deadline?: Duration | undefined;
  /** Whose state `keyed` policies use: a host, a tenant. */
  readonly key?: string | undefined;
  /** False for a request that must reach the service at most once: no policy sends it again. Default true. */
  readonly repeatable?: boolean | undefined;
  /** False for a request that may be sent again but not twice at once: no hedge, no race. Default true. */
  readonly concurrent?: boolean | undefined;
  /** The trace that the call is a part of. Default that of `context`. */
  readonly trace?: Trace | undefined;
  /** The call that this one is a part of: its signal and its deadline bind this one too. */
  readonly context?: Context | undefined;
}

/** Where a call stands in a distributed trace (W3C Trace Context). */
export interface Trace {
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string;
  /** 16 of them: the span that the call is a part of; once an attempt was sent, that of the attempt. */
  readonly spanId?: string | undefined;
  /** The span that the attempts are parts of, where there is one. */
  readonly parentId?: string | undefined;
  readonly sampled: boolean;
  /** Whether the trace's id was drawn at random, as its beginner says. */
  readonly random?: boolean | undefined;
  /** What vendors put into `tracestate`. */
  readonly state?: string | undefined;
}

/** What a caller said of a call, or a layer noted of it: most calls need none of it. */
interface Facts {
  readonly key?: string | undefined;
  readonly repeatable?: boolean | undefined;
  readonly concurrent?: boolean | undefined;
  trace?: Trace | undefined;
  /** What the last attempt came to that another one followed. */
  cause?: unknown;
  /** Milliseconds that the caller allowed, until the environment's clock makes a deadline of them. */
  readonly allowed?: number;
  /** The deadline that the clock which the call began with makes of it. */
  readonly ends?: number;
  /** What counts calls and has counted this one. */
  counters?: Set<object> | undefined;
}

/** How a call went through circuits and timeouts, for whoever tells of its end. */
export interface CallNotes {
  circuits: CircuitCall[] | undefined;
  inTime: number | undefined;
}

/**
 * What a call carries inward: how long it may take, what ends it, which attempt it is.
 *
 * It is derived and never changed: a layer that knows more hands a new one on.
 */
export class Context {
  // Every call makes one of these for each layer that knows more: what most calls do not need is made when it is read.
  readonly environment: Environment;
  /** Which attempt of the innermost retry this is, from 1. */
  readonly attempt: number;
  /** Whether a layer further out ends the call at its deadline. */
  readonly bounded: boolean;
  readonly #deadline: number | undefined;
  /** The context that the call began with: it holds what all contexts of one call share. */
  readonly #call: Context;
  /** The context that has the leg, if not this one. */
  readonly #lender: Context | undefined;
  /** What a layer found out of whether the request may be sent again; undefined where the caller's word holds. */
  #repeats: boolean | undefined;
  #leg: Leg | undefined;
  #facts: Facts | undefined;
  #notes: CallNotes | undefined;
  #sends = 0;

  private constructor(
    environment: Environment,
    call: Context | undefined,
    leg: Leg | Context | undefined,
    deadline: number | undefined,
    attempt: number,
    bounded: boolean,
    repeats?: boolean | undefined,
  ) {
    this.environment = environment;
    this.#call = call ?? this;
    this.#lender = leg instanceof Context ? leg : undefined;
    this.#leg = leg instanceof Leg ? leg : undefined;
    this.#deadline = deadline;
    this.attempt = attempt;
    this.bounded = bounded;
    this.#repeats = repeats;
  }

  /** The context that a call begins with. */
  static begin(options?: CallOptions | Context): Context {
    if (options === undefined) return new Context(platform, undefined, undefined, undefined, 1, false);
    const given: CallOptions = options instanceof Context ? { context: options } : options;
    const { context, signal, deadline, repeatable, concurrent } = given;
    const { key = context?.key, trace = context?.trace } = given;
    const environment = context?.environment ?? platform;
    const allowed = deadline === undefined ? Infinity : milliseconds(deadline, "deadline");
    const own = deadline === undefined ? Infinity : environment.clock.now() + allowed;
    const outer = context?.deadline ?? Infinity;
    const ends = Math.min(own, outer);
    const parent = context?.parent;
    const begun = new Context(
      environment,
      undefined,
      signal == null && parent === undefined ? undefined : new Leg(parent, signal ?? undefined, false),
      ends === Infinity ? undefined : ends,
      1,
      context?.bounded === true && own >= outer,
    );
    begun.#facts = {
      key,
      repeatable,
      concurrent,
      trace,
      cause: undefined,
      allowed,
      ends: own,
      counters: undefined,
    };
    return begun;
  }

  /** What can end this part of the call. */
  get leg(): Leg {
    const owner = this.#owner;
    owner.#leg ??= new Leg(undefined, undefined, false);
    return owner.#leg;
  }

  get #owner(): Context {
    return this.#lender ?? this;
  }

  /** The leg, unless nothing can end it. */
  get parent(): Leg | undefined {
    return this.#owner.#leg;
  }

  /** When the call must be over, by `environment.clock.now()`; `Infinity` when it need not. */
  get deadline(): number {
    return this.#deadline ?? Infinity;
  }

  /** Whether whoever waits has given up: `leg` has the reason. */
  get aborted(): boolean {
    return this.parent?.aborted === true;
  }

  /** Aborts when the caller gives up, a timeout strikes, or another racer has won. Made when it is first read. */
  get signal(): AbortSignal {
    return this.leg.signal;
  }

  get key(): string | undefined {
    return this.#call.#facts?.key;
  }

  /** False when the request must not go out a second time. */
  get repeatable(): boolean {
    return (this.#repeats ?? this.#call.#facts?.repeatable) !== false;
  }

  /** Whether a policy may have the request under way twice at once: it is repeatable, and nobody said otherwise. */
  get concurrent(): boolean {
    return this.repeatable && this.#call.#facts?.concurrent !== false;
  }

  /** Where in a trace the attempt that was sent last stands. */
  get trace(): Trace | undefined {
    return this.#call.#facts?.trace;
  }

  /** What the last attempt came to that another one followed: an error, or a failing value. */
  get cause(): unknown {
    return this.#call.#facts?.cause;
  }

  /** How often the request has gone out to the service so far, over all branches and attempts. */
  get sends(): number {
    return this.#call.#sends;
  }

  /** Whether a policy may send the request (again): always, until one that is not repeatable has gone out. */
  get maySend(): boolean {
    return this.repeatable || this.sends === 0;
  }

  /** Whether anybody hears events. Where making one costs something, ask first. */
  get observed(): boolean {
    return this.environment.sink !== undefined;
  }

  /** Tells the sink what happened, stamped with the time and the policy's name. Never throws. */
  emit(event: EventDraft): void {
    const { sink, name, clock } = this.environment;
    if (sink === undefined) return;
    const stamped = event as EventDraft & { -readonly [K in keyof EventStamp]: EventStamp[K] };
    stamped.policy = name;
    stamped.at = clock.wall();
    const { key } = this;
    if (key !== undefined) stamped.key = key;
    const { trace } = this;
    if (trace !== undefined) {
      stamped.traceId = trace.traceId;
      stamped.spanId = trace.spanId;
    }
    try {
      sink.emit(stamped);
    } catch {
      // A sink that throws breaks its own promise; the call must not pay for it.
    }
  }

  /** Milliseconds left until the deadline; `Infinity` without one, and never below 0. */
  remaining(): number {
    if (this.#deadline === undefined) return Infinity;
    return Math.max(0, this.#deadline - this.environment.clock.now());
  }

  /** @internal Says what an attempt came to that another one will follow. */
  fail(cause: unknown): void {
    this.#noted.cause = cause;
  }

  /** @internal Says where in a trace the next attempt stands. */
  enter(trace: Trace): void {
    this.#noted.trace = trace;
  }

  /** @internal Notes how an observed call went through a circuit. What is late for the call's end is told by itself. */
  noteCircuit(call: CircuitCall): void {
    const notes = this.#call.#notes;
    if (notes === undefined) this.emit({ type: "circuit.called", ...call });
    else if (notes.circuits === undefined) notes.circuits = [call];
    else notes.circuits.push(call);
  }

  /** @internal Notes that an operation of an observed call ended within its timeout. */
  noteInTime(): void {
    const notes = this.#call.#notes;
    if (notes !== undefined) notes.inTime = (notes.inTime ?? 0) + 1;
  }

  /** @internal Hands in where notes go until somebody else hands in another place, and gives the one before back. */
  swapNotes(notes: CallNotes | undefined): CallNotes | undefined {
    const call = this.#call;
    const before = call.#notes;
    call.#notes = notes;
    return before;
  }

  get #noted(): Facts {
    const call = this.#call;
    call.#facts ??= {};
    return call.#facts;
  }

  /** Whether this call is new to what counts calls: a budget that stands in two layers must count it once. */
  isNewTo(counter: object): boolean {
    const facts = this.#noted;
    facts.counters ??= new Set();
    const { counters } = facts;
    return !counters.has(counter) && counters.add(counter).size > 0;
  }

  /** The context of the `attempt`th try. */
  withAttempt(attempt: number): Context {
    return this.#derive(this.#owner, this.#deadline, attempt);
  }

  /** The context of a part that knows better whether the request may be sent again: it gave it a key, or a body that lasts. */
  withRepeatable(repeatable: boolean): Context {
    const derived = this.withAttempt(this.attempt);
    derived.#repeats = repeatable;
    return derived;
  }

  /** The context of a part that can be ended on its own, by `leg.abort`. */
  fork(): Context {
    return this.#derive(this.leg.fork(), this.#deadline);
  }

  /** The context of work that others wait for too: neither this caller's abort nor its deadline ends it. */
  detach(): Context {
    const leg = new Leg(undefined, undefined, true);
    return this.#derive(leg, undefined, this.attempt, false);
  }

  /** The context of a part that whoever asks will end at `deadline`, or at this context's deadline if that is sooner. */
  bound(deadline: number, leg: Leg = this.leg.fork()): Context {
    return this.#derive(leg, Math.min(deadline, this.deadline), this.attempt, true);
  }

  /** The same call in another environment; what is left of its time is measured by the new clock. */
  within(environment: Environment): Context {
    let deadline = this.#deadline;
    if (deadline !== undefined && environment.clock !== this.environment.clock) {
      const facts = this.#call.#facts;
      const left = deadline === facts?.ends ? (facts?.allowed as number) : this.remaining();
      deadline = environment.clock.now() + left;
    }
    return this.#derive(this.#owner, deadline, this.attempt, this.bounded, environment);
  }

  #derive(
    leg: Leg | Context | undefined,
    deadline: number | undefined,
    attempt = this.attempt,
    bounded = this.bounded,
    environment = this.environment,
  ): Context {
    return new Context(environment, this.#call, leg, deadline, attempt, bounded, this.#repeats);
  }

  /** @internal The innermost step of every chain says that the request goes out. */
  countSend(): void {
    this.#call.#sends++;
  }

  /**
   * Waits, at most until the call is aborted.
   *
   * @throws the reason of the abort, at once
   */
  sleep(ms: number): Promise<void> {
    const { leg } = this;
    const { clock } = this.environment;
    if (leg.aborted) return Promise.reject(leg.reason);
    return new Promise((resolve, reject) => {
      const listener = {
        onAbort(reason: unknown): void {
          clock.clearTimer(timer);
          reject(reason);
        },
      };
      const timer = clock.setTimer(() => {
        leg.remove(listener);
        resolve();
      }, ms);
      leg.add(listener);
    });
  }
}
