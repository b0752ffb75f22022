import type { Context } from "../core/context.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import { isIdempotent, methodOf } from "./repeatable.ts";
import type { FetchCall } from "./resilient-fetch.ts";

/**
 * For whoever passes on the requests of others, such as a gateway or a service worker: sends a request that is not
 * idempotent once, whatever key it bears and whoever says that it may be sent again.
 *
 * Only who made a request knows what its key is worth; a proxy must not repeat it. Stands outermost.
 *
 * Source: RFC 9110, section 9.2.2.
 *
 * @example
 * const forward = resilientFetch({ policy: compose(idempotentOnly(), perOrigin()) });
 */
export function idempotentOnly(): Policy<FetchCall, Response> {
  return definePolicyFor<FetchCall, Response>("idempotentOnly", (next: Service<FetchCall, Response>) => {
    return function idempotentOnly(call: FetchCall, context: Context): Promise<Response> {
      return isIdempotent(methodOf(call))
        ? next(call, context)
        : next({ ...call, repeatable: false }, context.withRepeatable(false));
    };
  });
}
