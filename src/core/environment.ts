import type { CallNotes } from "./call.ts";
import { known } from "./check.ts";
import type { Classify } from "./classify.ts";
import { judgeValue } from "./classify.ts";
import type { Clock } from "./clock.ts";
import type { Context } from "./context.ts";
import { type CircuitCall, type EventDraft, type EventSink, kindOf } from "./events.ts";
import { type Exit, pass, through } from "./exit.ts";
import { callable, having, text } from "./options.ts";
import type { Environment } from "./platform.ts";
import { definePolicy, type Policy, type Service } from "./policy.ts";
import type { Random } from "./random.ts";

export interface EnvironmentOptions {
  /** What events call the policy within. Default `default`. */
  readonly name?: string;
  /** Default the platform's. */
  readonly clock?: Clock;
  /** Default the platform's. */
  readonly random?: Random;
  /** Where events go. Default nowhere: then none is made. */
  readonly sink?: EventSink;
  /** What an outcome means. Default: a value is a success, an error a failure. */
  readonly classify?: Classify;
  /** Frees a value that nobody will get. Default: cancels the body of a Response. */
  readonly discard?: (value: unknown) => void;
  /** Keeps the platform running until background work has settled. Default: nothing is kept running. */
  readonly waitUntil?: (work: Promise<unknown>) => void;
}

const table = {
  name: { check: text, named: true },
  clock: { check: having<Clock>("now", "a clock") },
  sink: { check: having<EventSink>("emit", "a sink") },
  random: { check: callable },
  classify: { check: callable },
  discard: { check: callable },
  waitUntil: { check: callable },
} as const;

/**
 * Hands in what policies take from the outside world: time, chance, the sink of events, the judge of outcomes.
 *
 * Outermost in a chain; what it does not name comes from the environment around it, in the end from the platform. With
 * a sink it also tells how each call ended: `request.succeeded`, `request.failed` or `request.aborted`. In a text all but
 * the name come by names from its scope: `environment(name: "shop", sink: sink) + retry(3)`.
 *
 * @throws TypeError for an option that does not exist, or that is not what it should be
 * @example
 * const policy = compose(environment({ name: "shop", sink }), retry(3), timeout("1s"));
 */
export function environment(chosen: EnvironmentOptions): Policy {
  known(chosen, "environment", Object.keys(table));
  for (const name in chosen) {
    const option = name as keyof typeof table;
    if (chosen[option] !== undefined) table[option].check(chosen[option] as never, `environment: ${name}`);
  }
  let outer: Environment | undefined;
  let merged: Environment;
  return definePolicy({ policy: "environment", given: chosen, table }, <Q, S>(next: Service<Q, S>) =>
    through(
      next,
      (inner) =>
        function environment(request: Q, context: Context, exit: Exit<S>): unknown {
          if (outer !== context.environment) {
            outer = context.environment;
            merged = { ...outer, ...chosen };
          }
          const within = context.within(merged);
          return pass(inner, request, within, chosen.sink === undefined ? exit : new Report(within, exit));
        },
    ),
  );
}

/** Tells how a call ended. */
class Report<S> implements Exit<S>, CallNotes {
  circuits: CircuitCall[] | undefined;
  inTime: number | undefined;
  declare degraded: true | undefined;
  readonly #around: CallNotes | undefined;
  readonly #context: Context;
  readonly #exit: Exit<S>;
  readonly #began: number;

  constructor(context: Context, exit: Exit<S>) {
    this.#context = context;
    this.#exit = exit;
    this.#began = context.environment.clock.now();
    this.#around = context.call.notes;
    context.call.notes = this;
  }

  succeed(value: S): unknown {
    const context = this.#end();
    try {
      if (judgeValue(context.environment, value).kind === "failure") this.#tell("request.failed", "value");
      else this.#tell("request.succeeded");
    } catch (thrown) {
      return this.#exit.fail(thrown);
    }
    return this.#exit.succeed(value);
  }

  fail(error: unknown): unknown {
    if (this.#end().leg.aborted) this.#tell("request.aborted");
    else this.#tell("request.failed", kindOf(error));
    return this.#exit.fail(error);
  }

  /** From here on notes are somebody else's. */
  #end(): Context {
    this.#context.call.notes = this.#around;
    return this.#context;
  }

  /** One shape for all three, which is less to compile and to carry. */
  #tell(type: EventDraft["type"], kind?: string): void {
    const context = this.#context;
    context.emit({
      type,
      duration: context.environment.clock.now() - this.#began,
      attempts: context.sends,
      circuits: this.circuits,
      inTime: this.inTime,
      degraded: kind ? undefined : this.degraded,
      kind,
    } as EventDraft);
  }
}
