import type { Adaptive } from "../core/adaptive.ts";
import type { Context } from "../core/context.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";

/**
 * A policy that may be replaced while it runs: each call goes by the one in force when it begins.
 *
 * @example
 * const current = adaptive<Policy>(parse("retry(3)"));
 * const call = livePolicy(current).wrap(service);
 * current.set(parse("retry(5) + timeout(1s)")); // from the next call on
 */
export function livePolicy<Req, Res>(current: Adaptive<Policy<Req, Res>>): Policy<Req, Res> {
  return definePolicyFor<Req, Res>("live", (next: Service<Req, Res>) => {
    let policy: Policy<Req, Res> | undefined;
    let linked: Service<Req, Res>;
    return function live(request: Req, context: Context): Promise<Res> {
      if (policy !== current.value) {
        policy = current.value;
        linked = policy.layer(next);
      }
      return linked(request, context);
    };
  });
}
