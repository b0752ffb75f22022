import { env, waitUntil } from "cloudflare:workers";
import {
  resilientFetch as alone,
  perOrigin,
  type ResilientFetch,
  type ResilientFetchOptions,
} from "ninelives/fetch";
import { type CircuitNamespace, durableObjectStore } from "ninelives/stores/durable-object";

/**
 * Makes a `fetch` for Workers: what one isolate finds out about an origin, all of them know.
 *
 * It is that of `ninelives/fetch` but for its defaults: the circuits of `perOrigin()` live in the Durable Objects that
 * are bound as `CIRCUITS`, one for each origin, and reports ride along by `waitUntil`. Where there is no such binding each
 * isolate is alone. No call waits for an object. A `policy` of one's own shares what it was made to share.
 *
 * @throws TypeError for an option that does not exist, or will not do
 * @example
 * const fetch = resilientFetch(); // at the scope of the module: one for each isolate
 */
export function resilientFetch(options: ResilientFetchOptions = {}): ResilientFetch {
  const { CIRCUITS } = env as { readonly CIRCUITS?: CircuitNamespace };
  const { policy = perOrigin(CIRCUITS === undefined ? {} : { shared: durableObjectStore(CIRCUITS) }) } =
    options;
  return alone({ ...options, policy, environment: { waitUntil, ...options.environment } });
}
