import { type Duration, milliseconds } from "./duration.ts";
import type { EventDraft, EventStamp } from "./events.ts";
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
  /** The call that this one is a part of: its signal and its deadline bind this one too. */
  readonly context?: Context | undefined;
}

/** The facts that all contexts of one call share. */
class Call {
  readonly key: string | undefined;
  readonly repeatable: boolean;
  /** Milliseconds that the caller allowed, until the environment's clock makes a deadline of them. */
  readonly allowed: number;
  /** The deadline that the clock which the call began with makes of it. */
  readonly ends: number;
  /** How often the request has gone out to the service. */
  sends = 0;
  /** What counts calls and has counted this one. */
  counters: Set<object> | undefined;

  constructor(key: string | undefined, repeatable: boolean, allowed: number, ends: number) {
    this.key = key;
    this.repeatable = repeatable;
    this.allowed = allowed;
    this.ends = ends;
  }
}

/**
 * What a call carries inward: how long it may take, what ends it, which attempt it is.
 *
 * It is derived and never changed: a layer that knows more hands a new one on.
 */
export class Context {
  readonly environment: Environment;
  /** What can end this part of the call. */
  readonly leg: Leg;
  /** When the call must be over, by `environment.clock.now()`; `Infinity` when it need not. */
  readonly deadline: number;
  /** Which attempt of the innermost retry this is, from 1. */
  readonly attempt: number;
  /** Whether a layer further out ends the call at its deadline. */
  readonly bounded: boolean;
  readonly #call: Call;

  private constructor(
    environment: Environment,
    call: Call,
    leg: Leg,
    deadline: number,
    attempt: number,
    bounded: boolean,
  ) {
    this.environment = environment;
    this.#call = call;
    this.leg = leg;
    this.deadline = deadline;
    this.attempt = attempt;
    this.bounded = bounded;
  }

  /** The context that a call begins with. */
  static begin(options?: CallOptions | Context): Context {
    const { context, signal, deadline, key, repeatable }: CallOptions =
      options instanceof Context ? { context: options } : (options ?? {});
    const allowed = deadline === undefined ? Infinity : milliseconds(deadline, "deadline");
    const environment = context?.environment ?? platform;
    const ends = allowed === Infinity ? Infinity : environment.clock.now() + allowed;
    const outer = context?.deadline ?? Infinity;
    return new Context(
      environment,
      new Call(key ?? context?.key, repeatable ?? true, allowed, ends),
      new Leg(context?.leg, signal ?? undefined, false),
      Math.min(ends, outer),
      1,
      context?.bounded === true && ends >= outer,
    );
  }

  /** Aborts when the caller gives up, a timeout strikes, or another racer has won. Made when it is first read. */
  get signal(): AbortSignal {
    return this.leg.signal;
  }

  get key(): string | undefined {
    return this.#call.key;
  }

  /** False when the request must not go out a second time. */
  get repeatable(): boolean {
    return this.#call.repeatable;
  }

  /** How often the request has gone out to the service so far, over all branches and attempts. */
  get sends(): number {
    return this.#call.sends;
  }

  /** Whether a policy may send the request (again): always, until one that is not repeatable has gone out. */
  get maySend(): boolean {
    return this.#call.repeatable || this.#call.sends === 0;
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
    if (this.#call.key !== undefined) stamped.key = this.#call.key;
    try {
      sink.emit(stamped);
    } catch {
      // A sink that throws breaks its own promise; the call must not pay for it.
    }
  }

  /** Milliseconds left until the deadline; `Infinity` without one, and never below 0. */
  remaining(): number {
    if (this.deadline === Infinity) return Infinity;
    return Math.max(0, this.deadline - this.environment.clock.now());
  }

  /** Whether this call is new to what counts calls: a budget that stands in two layers must count it once. */
  isNewTo(counter: object): boolean {
    this.#call.counters ??= new Set();
    const { size } = this.#call.counters;
    return this.#call.counters.add(counter).size > size;
  }

  /** The context of the `attempt`th try. */
  withAttempt(attempt: number): Context {
    return new Context(this.environment, this.#call, this.leg, this.deadline, attempt, this.bounded);
  }

  /** The context of a part that can be ended on its own, by `leg.abort`. */
  fork(): Context {
    return new Context(
      this.environment,
      this.#call,
      this.leg.fork(),
      this.deadline,
      this.attempt,
      this.bounded,
    );
  }

  /** The context of work that others wait for too: neither this caller's abort nor its deadline ends it. */
  detach(): Context {
    return new Context(
      this.environment,
      this.#call,
      new Leg(undefined, undefined, true),
      Infinity,
      this.attempt,
      false,
    );
  }

  /** The context of a part that whoever asks will end at `deadline`, or at this context's deadline if that is sooner. */
  bound(deadline: number): Context {
    const ends = Math.min(deadline, this.deadline);
    return new Context(this.environment, this.#call, this.leg.fork(), ends, this.attempt, true);
  }

  /** The same call in another environment; what is left of its time is measured by the new clock. */
  within(environment: Environment): Context {
    let { deadline } = this;
    if (deadline !== Infinity && environment.clock !== this.environment.clock) {
      const left = deadline === this.#call.ends ? this.#call.allowed : this.remaining();
      deadline = environment.clock.now() + left;
    }
    return new Context(environment, this.#call, this.leg, deadline, this.attempt, this.bounded);
  }

  /** @internal The innermost step of every chain says that the request goes out. */
  countSend(): void {
    this.#call.sends++;
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
