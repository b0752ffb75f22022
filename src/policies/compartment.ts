import { type Adaptive, isAdaptive } from "../core/adaptive.ts";
import { rank } from "../core/check.ts";
import type { Clock } from "../core/clock.ts";
import type { Context } from "../core/context.ts";
import { RejectedError } from "../core/errors.ts";
import { type Exit, type Passage, pass } from "../core/exit.ts";
import type { AbortListener, Leg } from "../core/leg.ts";
import type { Readers } from "../core/options.ts";
import { Line } from "../state/line.ts";
import type { queueTable } from "./queue-options.ts";
import { Waiter, type WaitingLine } from "./waiter.ts";

/** So many slots for calls, and a bounded line of those that wait for one. */
export class Compartment implements WaitingLine {
  /** Calls running now. */
  active = 0;
  /** The limit as it was read last. */
  limit = 0;
  readonly #policy: string;
  readonly #limitFor: (context: Context) => number;
  readonly #read: Readers<typeof queueTable>;
  readonly #line = new Line<Waiter>();
  readonly #changes: Adaptive<unknown> | undefined;
  #unsubscribe: (() => void) | undefined;
  /** The clock of the last call, and whether its timers are each request's own. */
  #clock: Clock | undefined;
  #ownTimers = false;

  /** @param source the limit as the user gave it: when an adaptive one grows, those that wait enter at once */
  constructor(
    policy: string,
    limitFor: (context: Context) => number,
    read: Readers<typeof queueTable>,
    source: unknown,
  ) {
    this.#policy = policy;
    this.#limitFor = limitFor;
    this.#read = read;
    this.#changes = isAdaptive(source) ? source : undefined;
  }

  /** Calls waiting now. */
  get queued(): number {
    return this.#line.size;
  }

  /** Sends a call when there is a slot for it. */
  enter<Q, S>(inner: Passage<Q, S>, request: Q, context: Context, exit: Exit<S>): unknown {
    if (this.#line.size > 0) this.#admit();
    this.limit = this.#limitFor(context);
    if (this.active < this.limit) {
      this.active++;
      return this.#run(inner, request, context, exit, 0);
    }
    if (context.leg.aborted) return exit.fail(context.leg.reason);
    const priority = this.#read.priority(context) ?? rank(context.priority ?? 0, "priority");
    if (this.queued >= this.#read.queue(context) && !this.#makesRoom(priority)) {
      return exit.fail(this.full(context, `all ${this.limit} slots and ${this.queued} places are taken`));
    }
    const wait = Math.min(this.#read.maximumWait(context), context.remaining());
    // Only while somebody waits: an adaptive value may outlive many policies that read it.
    this.#unsubscribe ??= this.#changes?.subscribe(() => this.#admit());
    const waiter = new Waiter(this, context, priority, wait);
    this.#line.add(waiter, this.#read.order(context) === "lifo");
    // Whoever frees a slot only settles this promise: on Workers the call must go out, and its timer be cleared, in its
    // own request and not in the one that ended.
    return waiter.turn.then(
      (waited) => {
        waiter.settle();
        if (!context.leg.aborted) return this.#run(inner, request, context, exit, waited);
        this.release();
        return exit.fail(context.leg.reason);
      },
      (reason: unknown) => {
        waiter.settle();
        return exit.fail(reason);
      },
    );
  }

  /** A call stops waiting. */
  leave(waiter: Waiter): void {
    this.#line.remove(waiter);
    if (this.#line.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  full(context: Context, why: string): RejectedError {
    const { active, limit, queued } = this;
    context.emit({ type: "bulkhead.rejected", active, limit, queued });
    return new RejectedError("bulkhead-full", this.#policy, why, { context });
  }

  /** A slot is free again. */
  release(): void {
    this.active--;
    if (this.#line.size > 0) this.#admit();
  }

  /** Sends a call that has a slot. */
  #run<Q, S>(inner: Passage<Q, S>, request: Q, context: Context, exit: Exit<S>, waited: number): unknown {
    const { active, limit } = this;
    const { parent } = context;
    if (context.observed) context.emit({ type: "bulkhead.acquired", active, limit, waited });
    const cutOff = parent !== undefined && this.#endsWithRequest(context.environment.clock);
    return pass(inner, request, context, new Slot(this, exit, cutOff ? parent : undefined));
  }

  #endsWithRequest(clock: Clock): boolean {
    if (clock !== this.#clock) {
      this.#clock = clock;
      this.#ownTimers = !clock.sharesTimers();
    }
    return this.#ownTimers;
  }

  /** A limit that has shrunk takes its slots back as they come free; one that has grown lets more in. */
  #admit(): void {
    for (let { first } = this.#line; first !== undefined; first = this.#line.first) {
      try {
        this.limit = this.#limitFor(first.context);
      } catch (error) {
        first.onAbort(error);
        continue;
      }
      if (this.active >= this.limit) return;
      this.active++;
      first.enter();
    }
  }

  /** Whether a call of less priority gave its place away. */
  #makesRoom(priority: number): boolean {
    const { last } = this.#line;
    if (last === undefined || last.priority >= priority) return false;
    last.refuse("a call of higher priority took its place");
    return true;
  }
}

/** One call that runs. */
class Slot<S> implements Exit<S>, AbortListener {
  readonly #compartment: Compartment;
  readonly #exit: Exit<S>;
  readonly #leg: Leg | undefined;
  #held = true;

  /** @param leg whose abort frees the slot: on Workers what is cut off ends with its request, and may never say so */
  constructor(compartment: Compartment, exit: Exit<S>, leg: Leg | undefined) {
    this.#compartment = compartment;
    this.#exit = exit;
    this.#leg = leg;
    leg?.add(this);
  }

  succeed(value: S): unknown {
    this.onAbort();
    return this.#exit.succeed(value);
  }

  fail(error: unknown): unknown {
    this.onAbort();
    return this.#exit.fail(error);
  }

  onAbort(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#leg?.remove(this);
    this.#compartment.release();
  }
}
