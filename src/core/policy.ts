/**
 * The architecture of Nine Lives, on one page.
 *
 * Everything asynchronous is a {@link Service}. A {@link Policy} takes a service and gives back a service of the same
 * type, so policies nest: {@link compose} puts one around another, {@link orElse} tries the next when one fails,
 * {@link race} takes the first that succeeds. A policy that does nothing is {@link identity}.
 */
import { around, tryAtOnce, tryInTurn } from "./branches.ts";
import type { CallOptions } from "./call.ts";
import type { Context } from "./context.ts";
import type { Joined, Operator, Recipe } from "./description.ts";
import { refuse } from "./duration.ts";
import { LayeredPolicy } from "./layered-policy.ts";

/** Anything asynchronous: `fetch`, a query, a telemetry sink, a command. */
export type Service<in Req, out Res> = (request: Req, context: Context) => Promise<Res>;

/** A service with its policies around it, as its caller sees it. */
export type Wrapped<in Req, out Res> = (request: Req, options?: CallOptions | Context) => Promise<Res>;

/** What `execute` runs. It gets the context, whose `signal` it should hand on. */
export type Operation<out Res> = (context: Context) => Promise<Res>;

/**
 * Puts something around any service whose requests are `Req` and whose responses are `Res`, or narrower.
 *
 * It has a name so that `compose` can infer both from a policy that is more than one, such as a cache.
 */
export type LayerFor<in Req, in Res> = <Q extends Req, S extends Res>(next: Service<Q, S>) => Service<Q, S>;

/**
 * Goes around any service whose requests are `Req` and whose responses are `Res`, or narrower.
 *
 * State belongs to the policy value: services that are wrapped with the same value share its circuit, its slots, its
 * budget.
 */
export interface Policy<in Req = unknown, in Res = unknown> {
  /** How it was made, of which `describe` makes what it is made of. */
  readonly recipe: Recipe;
  /** Puts this policy around the next service; once for each service, not for each call. */
  readonly layer: LayerFor<Req, Res>;
  /** Links the policy with a service, once, and gives the function to call. */
  wrap<Q extends Req, S extends Res>(service: Service<Q, S>): Wrapped<Q, S>;
  /** Runs one operation under the policy. */
  execute<S extends Res>(
    this: Policy<void, S>,
    operation: Operation<S>,
    options?: CallOptions | Context,
  ): Promise<S>;
}

/** A policy for any service at all. */
export type AnyPolicy = Policy;

/** What every policy extends, whatever it goes around. */
export type PolicyList = readonly Policy<never, never>[];

/** The requests that all of the policies accept: the intersection of theirs. */
export type RequestsOf<P extends PolicyList> = [P[number]] extends [Policy<infer Q, never>] ? Q : never;

/** The responses that all of the policies accept: the intersection of theirs. */
export type ResponsesOf<P extends PolicyList> = [P[number]] extends [Policy<never, infer S>] ? S : never;

/** A layer that looks at neither request nor response, so that it goes around any service. */
export type Layer = <Q, S>(next: Service<Q, S>) => Service<Q, S>;

/**
 * Makes a policy of a layer that looks at neither request nor response.
 *
 * @example
 * const counted = definePolicy("counted", (next) => function counted(request, context) {
 *   calls++;
 *   return next(request, context);
 * });
 */
export function definePolicy(recipe: Recipe, layer: Layer): Policy {
  return new LayeredPolicy(recipe, layer);
}

/** Makes a policy of a layer that reads requests of type `Req`, or makes responses of type `Res`. */
export function definePolicyFor<Req, Res>(
  recipe: Recipe,
  layer: (next: Service<Req, Res>) => Service<Req, Res>,
): Policy<Req, Res> {
  // `wrap` and `execute` admit only services of these types, so the layer never meets another one.
  return new LayeredPolicy(recipe, layer as Layer);
}

/**
 * Nests policies: the first is the outermost and sees the call first. In text `a + b`.
 *
 * Associative; `identity` is its unit.
 *
 * @example
 * compose(timeout("5s"), retry(3), timeout("1s")); // 5 s in all, 1 s for each attempt
 */
export function compose<const P extends PolicyList>(...policies: P): Policy<RequestsOf<P>, ResponsesOf<P>> {
  return join(
    "+",
    policies,
    (parts) => (next) => parts.reduceRight((inner, part) => around(part.layer(inner), [inner]), next),
  );
}

/**
 * Tries the branches in turn until one succeeds. In text `a | b`.
 *
 * A branch fails when it throws (a policy's own rejection counts here) or returns what the environment's `classify`
 * calls a failure. After the caller's own abort no further branch is tried; once a request that must not be repeated has
 * gone out, only those that answer without sending it. When all fail and the last returned a failing value, that value is returned.
 *
 * @throws AllFailedError (an `AggregateError`) with the causes in order, when all branches fail
 */
export function orElse<const P extends PolicyList>(...branches: P): Policy<RequestsOf<P>, ResponsesOf<P>> {
  return join("|", branches, (parts) => <Q, S>(next: Service<Q, S>) => {
    const services = parts.map((part) => around(part.layer(next), [next]));
    return around(function orElse(request: Q, context: Context): Promise<S> {
      return tryInTurn(services, request, context);
    }, services);
  });
}

/**
 * Runs the branches at once: the first success wins, the others are aborted and what they still return is discarded.
 * In text `a & b`.
 *
 * The branches of a request that must not be repeated, or not run twice at once, run in turn, as in `orElse`.
 *
 * @throws AllFailedError (an `AggregateError`) with the causes in order, when all branches fail
 */
export function race<const P extends PolicyList>(...branches: P): Policy<RequestsOf<P>, ResponsesOf<P>> {
  return join("&", branches, (parts) => <Q, S>(next: Service<Q, S>) => {
    const services = parts.map((part) => around(part.layer(next), [next]));
    return around(function race(request: Q, context: Context): Promise<S> {
      return context.concurrent
        ? tryAtOnce(services, request, context)
        : tryInTurn(services, request, context);
    }, services);
  });
}

/** Does nothing: the unit of `compose`. */
export const identity: Policy = definePolicy("identity", (next) => next);

const names: Readonly<Record<Operator, string>> = { "+": "compose", "|": "orElse", "&": "race" };

/** Joins policies by an operator; parts that the same operator joined already are taken apart, so it is associative. */
function join<P extends PolicyList>(
  operator: Operator,
  policies: P,
  layer: (parts: readonly Policy[]) => Layer,
): Policy<RequestsOf<P>, ResponsesOf<P>> {
  const parts = policies.flatMap((policy, index) => {
    if (!(policy instanceof LayeredPolicy)) {
      refuse(`${names[operator]}: argument ${index + 1}`, "a policy such as retry()", policy, TypeError);
    }
    const { operator: own, parts } = policy.recipe as Partial<Joined>;
    return own === operator && parts ? (parts as readonly Policy[]) : [policy as Policy];
  });
  if (parts.length === 0) return identity;
  if (parts.length === 1) return parts[0] as Policy;
  return new LayeredPolicy({ operator, parts }, layer(parts));
}
