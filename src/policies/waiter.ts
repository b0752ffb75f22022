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
  /** Comes with a slot, as the time that the call waited, or fails with why there is none. */
  readonly turn: Promise<number>;
  readonly #since: number;
  readonly #timer: TimerHandle;
  readonly #line: WaitingLine;
  #waits = true;
  #enter!: (waited: number) => void;
  #refuse!: (reason: unknown) => void;

  constructor(line: WaitingLine, context: Context, priority: number, wait: number) {
    const { clock } = context.environment;
    this.#line = line;
    this.context = context;
    this.priority = priority;
    this.turn = new Promise((resolve, reject) => {
      this.#enter = resolve;
      this.#refuse = reject;
    });
    this.#since = clock.now();
    this.#timer = clock.setTimer(() => this.refuse(`no slot within ${Math.round(wait)} ms`), wait);
    context.leg.add(this);
  }

  enter(): void {
    this.#leave();
    this.#enter(this.context.environment.clock.now() - this.#since);
  }

  /** Gives up for want of a slot; nothing when it has left the line, where its timer could not be cleared from. */
  refuse(why: string): void {
    if (this.#leave()) this.#refuse(this.#line.full(this.context, why));
  }

  onAbort(reason: unknown): void {
    if (this.#leave()) this.#refuse(reason);
  }

  /** Lets go of the timer and the caller's signal, when the turn has come or will not. */
  settle(): void {
    this.context.environment.clock.clearTimer(this.#timer);
    this.context.leg.remove(this);
  }

  #leave(): boolean {
    const waited = this.#waits;
    this.#waits = false;
    if (waited) this.#line.leave(this);
    return waited;
  }
}
