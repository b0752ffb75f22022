import { Call, type CallOptions, type Trace } from "./call.ts";
import { milliseconds } from "./duration.ts";
import type { EventDraft, EventStamp } from "./events.ts";
import { Leg } from "./leg.ts";
import { type Environment, platform } from "./platform.ts";

/**
 * What a call carries inward: how long it may take, what ends it, which attempt it is.
 *
 * It is derived and never changed: a layer that knows more hands a new one on. What is the same for all of them is in
 * the {@link Call}.
 */
export class Context {
  // Every call makes one of these for each layer that knows more: what most calls do not need is made when it is read.
  readonly environment: Environment;
  /** Which attempt of the innermost retry this is, from 1. */
  readonly attempt: number;
  /** Whether a layer further out ends the call at its deadline. */
  readonly bounded: boolean;
  /** @internal */
  readonly call: Call;
  /** What can end this part of the call, unless it is the call's own leg. */
  readonly #leg: Leg | undefined;
  // Not `Infinity` where there is none: a number that is no integer is an object of its own in each context.
  readonly #deadline: number | undefined;
  /** What a layer found out of whether the request may be sent again; undefined where the caller's word holds. */
  #repeats: boolean | undefined;

  private constructor(
    environment: Environment,
    call: Call,
    leg: Leg | undefined,
    deadline: number | undefined,
    attempt: number,
    bounded: boolean,
    repeats: boolean | undefined,
  ) {
    this.environment = environment;
    this.attempt = attempt;
    this.bounded = bounded;
    this.call = call;
    this.#leg = leg;
    this.#deadline = deadline;
    this.#repeats = repeats;
  }

  /** The context that a call begins with. */
  static begin(options: CallOptions | Context = {}): Context {
    const said: CallOptions = options instanceof Context ? { context: options } : options;
    const { context, deadline } = said;
    const environment = context?.environment ?? platform;
    const allowed = deadline === undefined ? undefined : milliseconds(deadline, "deadline");
    const own = allowed === undefined ? undefined : environment.clock.now() + allowed;
    const sooner = own !== undefined && own < (context?.deadline ?? Infinity);
    return new Context(
      environment,
      new Call(said, allowed, own),
      undefined,
      sooner || context === undefined ? own : context.#deadline,
      1,
      !sooner && context?.bounded === true,
      undefined,
    );
  }

  /** What can end this part of the call. */
  get leg(): Leg {
    if (this.#leg !== undefined) return this.#leg;
    this.call.leg ??= new Leg(undefined, undefined, false);
    return this.call.leg;
  }

  /** The leg, unless nothing can end it. */
  get parent(): Leg | undefined {
    return this.#leg ?? this.call.leg;
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
    return this.call.key;
  }

  /** Who goes first where calls wait: the higher number; undefined where nobody said. */
  get priority(): number | undefined {
    return this.call.priority;
  }

  /** False when the request must not go out a second time. */
  get repeatable(): boolean {
    return (this.#repeats ?? this.call.repeatable) !== false;
  }

  /** Whether a policy may have the request under way twice at once: it is repeatable, and nobody said otherwise. */
  get concurrent(): boolean {
    return this.repeatable && this.call.concurrent !== false;
  }

  /** Where in a trace the attempt that was sent last stands. */
  get trace(): Trace | undefined {
    return this.call.trace;
  }

  /** What the last attempt came to that another one followed: an error, or a failing value. */
  get cause(): unknown {
    return this.call.cause;
  }

  /** How often the request has gone out to the service so far, over all branches and attempts. */
  get sends(): number {
    return this.call.sends;
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
    const { key, trace } = this.call;
    if (key !== undefined) stamped.key = key;
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

  /** Whether this call is new to what counts calls: a budget that stands in two layers must count it once. */
  isNewTo(counter: object): boolean {
    const { call } = this;
    if (call.counter === counter || call.counters?.has(counter)) return false;
    if (call.counter === undefined) call.counter = counter;
    else {
      call.counters ??= new Set();
      call.counters.add(counter);
    }
    return true;
  }

  /** The context of the `attempt`th try. */
  withAttempt(attempt: number): Context {
    return this.#derive(this.#leg, this.#deadline, attempt, this.bounded);
  }

  /** The context of a part that knows better whether the request may be sent again: it gave it a key, or a body that lasts. */
  withRepeatable(repeatable: boolean): Context {
    const derived = this.withAttempt(this.attempt);
    derived.#repeats = repeatable;
    return derived;
  }

  /** The context of a part that can be ended on its own, by `leg.abort`. */
  fork(): Context {
    return this.#derive(this.leg.fork(), this.#deadline, this.attempt, this.bounded);
  }

  /** The context of work that others wait for too: neither this caller's abort nor its deadline ends it. */
  detach(): Context {
    return this.#derive(new Leg(undefined, undefined, true), undefined, this.attempt, false);
  }

  /** The context of a part that whoever asks will end at `deadline`, or at this context's deadline if that is sooner. */
  bound(deadline: number, leg: Leg = this.leg.fork()): Context {
    return this.#derive(leg, Math.min(deadline, this.deadline), this.attempt, true);
  }

  /** The same call in another environment; what is left of its time is measured by the new clock. */
  within(environment: Environment): Context {
    let deadline = this.#deadline;
    if (environment.clock !== this.environment.clock) {
      const { allowed, ends } = this.call;
      this.call.looked = undefined;
      if (deadline !== undefined) {
        deadline = environment.clock.now() + (deadline === ends ? (allowed as number) : this.remaining());
      }
    }
    const { attempt, bounded } = this;
    return new Context(environment, this.call, this.#leg, deadline, attempt, bounded, this.#repeats);
  }

  #derive(leg: Leg | undefined, deadline: number | undefined, attempt: number, bounded: boolean): Context {
    return new Context(this.environment, this.call, leg, deadline, attempt, bounded, this.#repeats);
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
