import type { TimerHandle } from "../core/clock.ts";
import type { Context } from "../core/context.ts";
import type { RejectedError } from "../core/errors.ts";
import type { AbortListener } from "../core/leg.ts";
import type { Place } from "../state/line.ts";

/** Where calls wait. */
export interface WaitingLine {
  /** The call stops waiting. */
  leave(waiter: Waiter): void;
  /** What a call is rejected with, and why. */
  full(context: Context, why: string): RejectedError;
}

/** A call in the queue, with its own timer: on Workers nobody else's would wake it. */
export class Waiter implements AbortListener, Place<Waiter> {
  before: Waiter | undefined;
  after: Waiter | undefined;
  readonly priority: number;
  readonly context: Context;
  readonly #since: number;
  readonly #timer: TimerHandle;
  readonly #line: WaitingLine;
  readonly #enter: (waited: number) => void;
  readonly #refuse: (reason: unknown) => void;

  constructor(
    line: WaitingLine,
    context: Context,
    priority: number,
    wait: number,
    enter: (waited: number) => void,
    refuse: (reason: unknown) => void,
  ) {
    const { clock } = context.environment;
    this.#line = line;
    this.context = context;
    this.priority = priority;
    this.#enter = enter;
    this.#refuse = refuse;
    this.#since = clock.now();
    this.#timer = clock.setTimer(() => this.refuse(`no slot within ${wait} ms`), wait);
    context.leg.add(this);
  }

  enter(): void {
    this.#leave();
    this.#enter(this.context.environment.clock.now() - this.#since);
  }

  refuse(why: string): void {
    this.#leave();
    this.#refuse(this.#line.full(this.context, why));
  }

  onAbort(reason: unknown): void {
    this.#leave();
    this.#refuse(reason);
  }

  #leave(): void {
    this.#line.leave(this);
    this.context.environment.clock.clearTimer(this.#timer);
    this.context.leg.remove(this);
  }
}
