import { type Changeable, changeable } from "../core/adaptive.ts";
import { known, whole } from "../core/check.ts";
import { byChoice } from "../core/choice.ts";
import { refuse } from "../core/duration.ts";
import { having } from "../core/options.ts";
import { definePolicyFor, type Policy } from "../core/policy.ts";

export interface KeyedOptions {
  /** Keys that are remembered; past it the one that was used longest ago is forgotten, with its state. Default 1000. */
  readonly maximumKeys?: Changeable<number>;
}

/** A keyed policy also gives the policies of its keys. */
export interface Keyed<in Req = unknown, in Res = unknown> extends Policy<Req, Res> {
  /** The policy of a key, made if need be. */
  of(key: string): Policy<Req, Res>;
  /** The keys that are remembered, least recently used first. */
  keys(): string[];
}

const policyOf = having<Policy<never, never>>("layer", "a policy") as <P>(made: P, option: string) => P;

/**
 * Gives each key (a host, a tenant) a policy of its own, with its own state.
 *
 * The key is the call's `key`; calls without one share the key `""`.
 *
 * @example
 * const policy = keyed((host) => circuitBreaker({ name: host }));
 * await policy.execute(({ signal }) => fetch(url, { signal }), { key: url.host });
 */
export function keyed<Req = unknown, Res = unknown>(
  factory: (key: string) => Policy<Req, Res>,
  options: KeyedOptions = {},
): Keyed<Req, Res> {
  known(options, "keyed", ["maximumKeys"]);
  if (typeof factory !== "function") {
    refuse("keyed: factory", "a function that makes the policy of a key", factory, TypeError);
  }
  const most = changeable(
    options.maximumKeys,
    (keys = 1000, option) => whole(keys, option),
    "keyed: maximumKeys",
  );
  const policies = new Map<string, Policy<Req, Res>>();
  /** The key that was used last, which need be neither found again nor moved to the end of the map. */
  let latest: string | undefined;
  let latestPolicy: Policy<Req, Res> | undefined;

  function of(key: string): Policy<Req, Res> {
    if (key === latest) return latestPolicy as Policy<Req, Res>;
    const known = policies.get(key);
    const policy = known ?? policyOf(factory(key), "keyed: what factory returns");
    latest = key;
    latestPolicy = policy;
    // Deleting and setting again makes it the most recently used.
    if (known !== undefined) policies.delete(key);
    else while (policies.size >= most()) policies.delete(policies.keys().next().value as string);
    policies.set(key, policy);
    return policy;
  }

  const recipe = { policy: "keyed", given: { factory, ...options }, table: { factory: {}, maximumKeys: {} } };
  const policy = definePolicyFor<Req, Res>(
    recipe,
    byChoice((_, context) => of(context.key ?? "")),
  );
  return Object.assign(policy, { of, keys: () => [...policies.keys()] });
}
