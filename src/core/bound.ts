import type { Context } from "./context.ts";
import { Deadline, type Deadlines } from "./deadlines.ts";
import { RejectedError } from "./errors.ts";
import type { AbortListener } from "./leg.ts";
import type { Service } from "./policy.ts";

/** One call that has until a deadline to answer. */
class Bounded<S> extends Deadline implements AbortListener {
  readonly #resolve: (value: S) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #outer: Context;
  readonly #inner: Context;
  readonly #deadlines: Deadlines;
  readonly #after: number;
  #settled = false;

  constructor(
    resolve: (value: S) => void,
    reject: (reason: unknown) => void,
    outer: Context,
    inner: Context,
    deadlines: Deadlines,
    after: number,
  ) {
    super(inner.deadline);
    this.#resolve = resolve;
    this.#reject = reject;
    this.#outer = outer;
    this.#inner = inner;
    this.#deadlines = deadlines;
    this.#after = after;
  }

  succeed(value: S): void {
    if (this.#settled) {
      this.#outer.environment.discard(value);
      return;
    }
    this.#end();
    this.#inner.leg.settle(value);
    this.#resolve(value);
  }

  fail(error: unknown): void {
    if (this.#settled) return;
    this.#end();
    this.#inner.leg.settle(undefined);
    this.#reject(error);
  }

  /** The outer leg ended: nobody waits for the service any more. */
  onAbort(reason: unknown): void {
    this.fail(reason);
  }

  expire(): void {
    this.#settled = true;
    this.#outer.leg.remove(this);
    const error = new RejectedError("timeout", "timeout", `no answer within ${this.#after} ms`);
    this.#outer.emit({ type: "timeout.occurred", after: this.#after });
    this.#inner.leg.abort(error);
    this.#reject(error);
  }

  #end(): void {
    this.#settled = true;
    this.#deadlines.remove(this);
    this.#outer.leg.remove(this);
  }
}

/**
 * Calls a service and gives up on it after `ms` milliseconds, or at the context's deadline if that is sooner.
 *
 * Its signal is then aborted; what it returns all the same is discarded.
 */
export function bound<Q, S>(
  next: Service<Q, S>,
  request: Q,
  context: Context,
  ms: number,
  deadlines: Deadlines,
): Promise<S> {
  if (context.leg.aborted) return Promise.reject(context.leg.reason);
  const now = context.environment.clock.now();
  const inner = context.bound(now + ms);
  const after = Math.round(inner.deadline - now);
  if (after <= 0) return Promise.reject(new RejectedError("timeout", "timeout", "no time left"));
  return new Promise((resolve, reject) => {
    const bounded = new Bounded<S>(resolve, reject, context, inner, deadlines, after);
    deadlines.add(bounded, now);
    context.leg.add(bounded);
    let answer: Promise<S>;
    try {
      answer = next(request, inner);
    } catch (error) {
      bounded.fail(error);
      return;
    }
    answer.then(
      (value) => bounded.succeed(value),
      (error: unknown) => bounded.fail(error),
    );
  });
}
