import type { TimerHandle } from "./clock.ts";
import type { Context } from "./context.ts";
import type { Deadlines, Due } from "./deadlines.ts";
import { RejectedError, rejected } from "./errors.ts";
import { Leg } from "./leg.ts";
import type { Service } from "./policy.ts";

/** One call that has until a deadline to answer. It is the leg of that call, too: one object less for each call. */
class Bounded<S> extends Leg implements Due {
  readonly at: number;
  before: Due["before"];
  after: Due["after"];
  timer: TimerHandle;
  readonly #context: Context;
  readonly #deadlines: Deadlines;
  readonly #within: number;
  #resolve!: (value: S) => void;
  #reject!: (reason: unknown) => void;
  #settled = false;

  /** @param context of the call around it */
  constructor(context: Context, at: number, within: number, deadlines: Deadlines) {
    super(context.parent, undefined, true);
    this.at = at;
    this.#context = context;
    this.#within = within;
    this.#deadlines = deadlines;
  }

  begin<Q>(next: Service<Q, S>, request: Q, now: number): Promise<S> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#deadlines.add(this, now);
      this.link();
      let answer: Promise<S>;
      try {
        answer = next(request, this.#context.bound(this.at, this));
      } catch (error) {
        this.#fail(error);
        return;
      }
      answer.then(
        (value) => this.#succeed(value),
        (error: unknown) => this.#fail(error),
      );
    });
  }

  /** The outer leg ended: nobody waits for the service any more. */
  override onAbort(reason: unknown): void {
    if (!this.#settled) {
      this.#end();
      this.#reject(reason);
    }
    this.abort(reason);
  }

  expire(): void {
    this.#settled = true;
    const error = new RejectedError("timeout", "timeout", `no answer within ${this.#within} ms`, {
      context: this.#context,
    });
    this.#context.emit({ type: "timeout.occurred", after: this.#within });
    this.abort(error);
    this.#reject(error);
  }

  #succeed(value: S): void {
    if (this.#settled) {
      this.#context.environment.discard(value);
      return;
    }
    this.#end();
    this.settle(value);
    this.#resolve(value);
  }

  #fail(error: unknown): void {
    if (this.#settled) return;
    this.#end();
    this.settle(undefined);
    this.#reject(error);
  }

  #end(): void {
    this.#settled = true;
    this.#deadlines.remove(this);
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
  if (context.aborted) return rejected(context.leg.reason);
  const now = context.environment.clock.now();
  const at = Math.min(now + ms, context.deadline);
  const within = Math.round(at - now);
  if (within <= 0) return rejected(new RejectedError("timeout", "timeout", "no time left", { context }));
  return new Bounded<S>(context, at, within, deadlines).begin(next, request, now);
}
