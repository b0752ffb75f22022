import { judgeValue } from "./classify.ts";
import type { Context } from "./context.ts";
import { degrade } from "./degrade.ts";
import { AllFailedError, RejectedError } from "./errors.ts";
import { kindOf } from "./events.ts";
import type { Environment } from "./platform.ts";
import type { Service } from "./policy.ts";
import { start } from "./start.ts";

/** A service that can answer when its request must not be sent: it then never sends it. */
interface Answering {
  readonly answers?: true;
}

/** Gives a service that goes around others, marked if one of them can answer without sending its request. */
export function around<S extends object>(service: S, inner: readonly object[]): S {
  const answers = inner.some((each: Answering) => each.answers);
  return answers ? Object.assign(service, { answers }) : service;
}

/** The first service from `index` on that the call may still go to: one that could send it again is passed over. */
function nextIn<Q, S>(services: readonly Service<Q, S>[], index: number, context: Context): number {
  while (!context.maySend && index < services.length && !(services[index] as Answering).answers) index++;
  return index;
}

/** Calls the services one after the other until one succeeds. */
export async function tryInTurn<Q, S>(
  services: readonly Service<Q, S>[],
  request: Q,
  context: Context,
): Promise<S> {
  const causes: unknown[] = [];
  const count = services.length;
  let index = nextIn(services, 0, context) % count;
  for (;;) {
    const service = services[index] as Service<Q, S>;
    try {
      const value = await service(request, context);
      const failed = index < count - 1 && judgeValue(context.environment, value).kind === "failure";
      if (!failed || context.leg.aborted) {
        if (causes.length) degrade(context);
        return value;
      }
      index = nextIn(services, index + 1, context);
      if (index === count) return value;
      context.environment.discard(value);
      causes.push(value);
      context.emit({ type: "fallback.used", kind: "value" });
    } catch (error) {
      if (context.leg.aborted) throw error;
      causes.push(error);
      index = nextIn(services, index + 1, context);
      if (index === count) throw causes.length === 1 ? error : new AllFailedError(causes);
      context.emit({ type: "fallback.used", kind: kindOf(error) });
    }
  }
}

/** How a branch ended. */
export type Settled<S> = { readonly value: S } | { readonly error: unknown };

/** Calls the services all at once and takes the first success. */
export function tryAtOnce<Q, S>(
  services: readonly Service<Q, S>[],
  request: Q,
  context: Context,
): Promise<S> {
  const { environment } = context;
  return new Promise((resolve, reject) => {
    const forks = services.map(() => context.fork());
    const failures: Settled<S>[] = [];
    let pending = services.length;
    let won = false;

    services.forEach((service, index) => {
      const fork = forks[index] as Context;
      start(service, request, fork).then(
        (value) => {
          fork.leg.settle(value);
          if (won) environment.discard(value);
          else if (judgeValue(environment, value).kind === "failure") fail(index, { value });
          else win(index, value);
        },
        (error: unknown) => {
          fork.leg.settle(undefined);
          if (!won) fail(index, { error });
        },
      );
    });

    function win(winner: number, value: S): void {
      won = true;
      resolve(value);
      const reason = new RejectedError("lost-race", "race", "another branch was first");
      for (const [index, fork] of forks.entries()) if (index !== winner) fork.leg.abort(reason);
      for (const lost of failures) if (lost !== undefined && "value" in lost) environment.discard(lost.value);
    }

    function fail(index: number, settled: Settled<S>): void {
      failures[index] = settled;
      pending--;
      if (pending === 0) conclude(failures, environment, resolve, reject);
    }
  });
}

/** All branches failed: returns what the last one returned, or throws all the causes. */
export function conclude<S>(
  failures: readonly Settled<S>[],
  environment: Environment,
  resolve: (value: S) => void,
  reject: (reason: unknown) => void,
): void {
  const last = failures.at(-1) as Settled<S>;
  for (const lost of failures) if (lost !== last && "value" in lost) environment.discard(lost.value);
  if ("value" in last) resolve(last.value);
  else if (failures.length === 1) reject(last.error);
  else reject(new AllFailedError(failures.map((lost) => ("value" in lost ? lost.value : lost.error))));
}
