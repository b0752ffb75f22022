import { known } from "./check.ts";
import type { Classify } from "./classify.ts";
import { judgeValue } from "./classify.ts";
import type { Clock } from "./clock.ts";
import type { Context } from "./context.ts";
import { type EventSink, kindOf } from "./events.ts";
import type { Environment } from "./platform.ts";
import { definePolicy, type Policy, type Service } from "./policy.ts";
import type { Random } from "./random.ts";
import { start } from "./start.ts";

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

const options = ["name", "clock", "random", "sink", "classify", "discard", "waitUntil"] as const;

/**
 * Hands in what policies take from the outside world: time, chance, the sink of events, the judge of outcomes.
 *
 * Outermost in a chain; what it does not name comes from the environment around it, in the end from the platform. With
 * a sink it also tells how each call ended: `request.succeeded`, `request.failed` or `request.aborted`.
 *
 * @example
 * const policy = compose(environment({ name: "shop", sink }), retry(3), timeout("1s"));
 */
export function environment(given: EnvironmentOptions): Policy {
  known(given, "environment", options);
  let outer: Environment | undefined;
  let merged: Environment;
  return definePolicy("environment", <Q, S>(next: Service<Q, S>) => {
    return function environment(request: Q, context: Context): Promise<S> {
      if (outer !== context.environment) {
        outer = context.environment;
        merged = { ...outer, ...given };
      }
      const inner = context.within(merged);
      return given.sink === undefined ? next(request, inner) : report(next, request, inner);
    };
  });
}

function report<Q, S>(next: Service<Q, S>, request: Q, context: Context): Promise<S> {
  const { clock } = context.environment;
  const began = clock.now();
  return start(next, request, context).then(
    (value) => {
      const measures = { duration: clock.now() - began, attempts: context.sends };
      if (judgeValue(context.environment, value).kind === "failure") {
        context.emit({ type: "request.failed", ...measures, kind: "value" });
      } else context.emit({ type: "request.succeeded", ...measures });
      return value;
    },
    (error: unknown) => {
      const measures = { duration: clock.now() - began, attempts: context.sends };
      if (context.leg.aborted) context.emit({ type: "request.aborted", ...measures });
      else context.emit({ type: "request.failed", ...measures, kind: kindOf(error) });
      throw error;
    },
  );
}
