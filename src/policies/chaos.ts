import type { Tunable } from "../core/adaptive.ts";
import type { Context } from "../core/context.ts";
import type { Duration } from "../core/duration.ts";
import { as, between, callable, duration, flag, settings, type Table } from "../core/options.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import { seededRandom } from "../core/random.ts";

export interface ChaosOptions<Req = unknown, Res = unknown> {
  /** The share of calls that it strikes, 0 to 1. Default 0.001. */
  readonly rate?: Tunable<number>;
  /** Makes the call wait first. */
  readonly latency?: Tunable<Duration>;
  /** What the call fails with instead of reaching its service: an error, the message of one, or a function that makes it. */
  readonly fault?: Error | string | ((request: Req, context: Context) => unknown);
  /** What the call returns instead of reaching its service, or a function that makes it. */
  readonly outcome?: Res | ((request: Req, context: Context) => Res | Promise<Res>);
  /** What is done before the call, such as emptying a cache. */
  readonly behaviour?: (request: Req, context: Context) => unknown;
  /** Makes it strike the same calls each time. Default: by the environment's random numbers. */
  readonly seed?: number;
  /** The switch; an adaptive value or a function of the context turns it while it runs. Default true. */
  readonly enabled?: Tunable<boolean>;
}

const table = {
  rate: { check: between(0, 1), initial: 0.001 },
  latency: { check: duration },
  fault: { check: as<unknown>(), fixed: true },
  outcome: { check: as<unknown>(), fixed: true },
  behaviour: { check: callable<(request: never, context: Context) => unknown>, fixed: true },
  seed: { check: between(0, Number.MAX_SAFE_INTEGER), fixed: true },
  enabled: { check: flag, initial: true },
} as const;

/** @internal The options of `chaos`, for tools. */
export const chaosOptions: Table = table;

/**
 * Does harm to a share of the calls, to see what the policies around it make of it.
 *
 * Innermost, so that they take it for the service's. A call that is struck gets all that is given: first `behaviour`, then
 * `latency`, then `fault` or `outcome` in place of the service. For kinds that strike apart, compose several. As in Polly's
 * Simmy it is on from the start, with a rate of one call in a thousand.
 *
 * @example
 * const policy = compose(retry(3), chaos({ fault: "connection reset", rate: 0.1, seed: 42 }));
 */
export function chaos<Res = unknown, Req = unknown>(chosen: ChaosOptions<Req, Res>): Policy<Req, Res> {
  const { read, recipe } = settings("chaos", chosen, table);
  const { latency, fault, outcome, behaviour, seed } = chosen;
  if (fault !== undefined && outcome !== undefined) {
    throw new TypeError("chaos: a call cannot have both a fault and an outcome; compose two");
  }
  if (latency === undefined && fault === undefined && outcome === undefined && behaviour === undefined) {
    throw new TypeError("chaos: there must be a latency, a fault, an outcome or a behaviour");
  }
  const seeded = seed === undefined ? undefined : seededRandom(seed);

  return definePolicyFor<Req, Res>(recipe, (next: Service<Req, Res>) => {
    async function strike(request: Req, context: Context): Promise<Res> {
      if (behaviour !== undefined) {
        context.emit({ type: "chaos.injected", chaos: "behaviour" });
        await behaviour(request, context);
      }
      const wait = read.latency(context);
      if (wait !== undefined) {
        context.emit({ type: "chaos.injected", chaos: "latency" });
        await context.sleep(wait);
      }
      if (fault !== undefined) {
        context.emit({ type: "chaos.injected", chaos: "fault" });
        if (typeof fault === "function") throw fault(request, context);
        throw typeof fault === "string" ? new Error(fault) : fault;
      }
      if (outcome === undefined) return next(request, context);
      context.emit({ type: "chaos.injected", chaos: "outcome" });
      return typeof outcome === "function"
        ? (outcome as (request: Req, context: Context) => Res | Promise<Res>)(request, context)
        : outcome;
    }
    return function chaos(request: Req, context: Context): Promise<Res> {
      if (!read.enabled(context)) return next(request, context);
      const random = seeded ?? context.environment.random;
      return random() < read.rate(context) ? strike(request, context) : next(request, context);
    };
  });
}
