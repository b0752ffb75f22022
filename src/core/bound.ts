import type { TimerHandle } from "./clock.ts";
import type { Context } from "./context.ts";
import type { Deadlines, Due } from "./deadlines.ts";
import { RejectedError } from "./errors.ts";
import { type Exit, type Passage, pass, passageOf } from "./exit.ts";
import { Leg } from "./leg.ts";
import type { Service } from "./policy.ts";

/** One call that has until a deadline to answer. It is the leg of that call, too: one object less for each call. */
class Bounded<S> extends Leg implements Due, Exit<S> {
  // As in Leg, set by the constructor and not defined as fields.
  readonly at: number;
  before: Due["before"];
  after: Due["after"];
  timer: TimerHandle;
  private readonly context: Context;
  /**
   * Until it has settled. What hears of an abort as long as a body is read must not hold the promise of the Response:
   * else neither is ever collected.
   */
  private exit: Exit<S> | undefined;
  private readonly within: number;
  private readonly deadlines: Deadlines;

  /** @param context of the call around it */
  constructor(context: Context, exit: Exit<S>, at: number, within: number, deadlines: Deadlines) {
    super(context.parent, undefined, true);
    this.at = at;
    this.before = undefined;
    this.after = undefined;
    this.timer = undefined;
    this.context = context;
    this.exit = exit;
    this.within = within;
    this.deadlines = deadlines;
  }

  begin<Q>(inner: Passage<Q, S>, request: Q, now: number): unknown {
    this.deadlines.add(this, now);
    this.link();
    return pass(inner, request, this.context.bound(this.at, this), this);
  }

  /** The outer leg ended: nobody waits for the service any more. */
  override onAbort(reason: unknown): void {
    const exit = this.end();
    this.abort(reason);
    exit?.fail(reason);
  }

  expire(): void {
    const exit = this.exit as Exit<S>;
    this.exit = undefined;
    const error = new RejectedError("timeout", "timeout", `no answer within ${this.within} ms`, {
      context: this.context,
    });
    this.context.emit({ type: "timeout.occurred", after: this.within });
    this.abort(error);
    exit.fail(error);
  }

  succeed(value: S): unknown {
    const exit = this.end();
    if (exit === undefined) return this.context.environment.discard(value);
    this.settle(value);
    return exit.succeed(value);
  }

  fail(error: unknown): unknown {
    const exit = this.end();
    if (exit === undefined) return undefined;
    this.settle(undefined);
    return exit.fail(error);
  }

  /** Takes note that it is over, and gives the way out to whoever comes first. */
  private end(): Exit<S> | undefined {
    const { exit } = this;
    if (exit === undefined) return undefined;
    this.exit = undefined;
    const { notes } = this.context.call;
    if (notes !== undefined) notes.inTime = (notes.inTime ?? 0) + 1;
    this.deadlines.remove(this);
    return exit;
  }
}

/**
 * Calls what is within and gives up on it after `ms` milliseconds, or at the context's deadline if that is sooner.
 *
 * Its signal is then aborted; what it returns all the same is discarded.
 */
export function passInTime<Q, S>(
  inner: Passage<Q, S>,
  request: Q,
  context: Context,
  exit: Exit<S>,
  ms: number,
  deadlines: Deadlines,
): unknown {
  if (context.aborted) return exit.fail(context.leg.reason);
  const now = context.environment.clock.now();
  context.call.looked = now;
  const at = Math.min(now + ms, context.deadline);
  const within = Math.round(at - now);
  if (within <= 0) return exit.fail(new RejectedError("timeout", "timeout", "no time left", { context }));
  return new Bounded<S>(context, exit, at, within, deadlines).begin(inner, request, now);
}

/** The same for a service. */
export function bound<Q, S>(
  next: Service<Q, S>,
  request: Q,
  context: Context,
  ms: number,
  deadlines: Deadlines,
): Promise<S> {
  return new Promise((succeed, fail) => {
    passInTime(passageOf(next), request, context, { succeed, fail }, ms, deadlines);
  });
}
