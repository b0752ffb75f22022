import type { Context } from "../core/context.ts";
import { isRejected } from "../core/errors.ts";
import type { AbortListener, Leg } from "../core/leg.ts";
import type { Share } from "./share.ts";

/** One call that several callers wait for. */
export class Flight<S> {
  readonly #context: Context;
  readonly #share: Share<S>;
  readonly #over: () => void;
  readonly #waiters = new Set<Waiter<S>>();
  /** Callers that wait, or read what they got, and have not given up. */
  #present = 0;

  /**
   * @param context of the call, apart from that of any caller
   * @param over is told when nobody can join any more
   */
  constructor(context: Context, share: Share<S>, over: () => void) {
    this.#context = context;
    this.#share = share;
    this.#over = over;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  join(context: Context): Promise<S> {
    this.#present++;
    return new Promise((resolve, reject) => {
      this.#waiters.add(new Waiter(this, context.fork().leg, resolve, reject));
    });
  }

  /**
   * A caller gave up; after the last one nobody needs the call.
   *
   * Where one lost its patience the call may be dead, as is one whose request ended on Workers: whoever comes later makes
   * another.
   */
  leave(waiter: Waiter<S>, reason: unknown): void {
    this.#waiters.delete(waiter);
    this.#present--;
    if (this.#present === 0 || isRejected(reason, "timeout")) this.#over();
    if (this.#present > 0) return;
    this.#context.leg.abort(reason);
  }

  succeed(value: S): void {
    this.#over();
    let left = this.#waiters.size;
    if (left === 0) this.#context.environment.discard(value);
    for (const waiter of this.#waiters) {
      left--;
      try {
        waiter.succeed(left > 0 ? this.#share(value) : value);
      } catch (error) {
        waiter.fail(error);
      }
    }
    this.#waiters.clear();
  }

  fail(error: unknown): void {
    this.#over();
    for (const waiter of this.#waiters) waiter.fail(error);
    this.#waiters.clear();
  }
}

/** One of the callers. */
class Waiter<S> implements AbortListener {
  readonly #flight: Flight<S>;
  readonly #leg: Leg;
  // Let go of once they have been called: a caller's signal may hold this for as long as a body lives, and that body
  // must not be held by this.
  #resolve: ((value: S) => void) | undefined;
  #reject: ((reason: unknown) => void) | undefined;

  constructor(flight: Flight<S>, leg: Leg, resolve: (value: S) => void, reject: (reason: unknown) => void) {
    this.#flight = flight;
    this.#leg = leg;
    this.#resolve = resolve;
    this.#reject = reject;
    leg.add(this);
  }

  succeed(value: S): void {
    // Whoever still reads a body may still abort, and is then heard.
    this.#leg.settle(value);
    this.#resolve?.(value);
    this.#resolve = this.#reject = undefined;
  }

  fail(error: unknown): void {
    this.#leg.settle(undefined);
    this.#reject?.(error);
    this.#resolve = this.#reject = undefined;
  }

  onAbort(reason: unknown): void {
    this.fail(reason);
    this.#flight.leave(this, reason);
  }
}
