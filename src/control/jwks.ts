import type { PublicKey } from "./jwt.ts";

export interface JwksOptions {
  /** Fetches the set; within policies, as any service. */
  readonly fetch: () => Promise<unknown>;
  /** Milliseconds, of any beginning. */
  readonly now: () => number;
}

/** Milliseconds for which a set is good, and between two looks for a key that it does not have. */
const goodFor = 600_000;
const lookAgain = 30_000;

/**
 * The keys of an issuer who may change them: fetched when need be, and anew when a token names one that is not there.
 *
 * Tokens that name keys which nobody has cause one fetch in 30 s. While the issuer cannot be reached the keys last seen
 * hold.
 *
 * @throws what `fetch` throws, while no set was ever seen
 */
export function jwks(options: JwksOptions): (kid: string | undefined) => Promise<readonly PublicKey[]> {
  let keys: readonly PublicKey[] | undefined;
  let fetchedAt = -Infinity;
  return async (kid) => {
    const age = options.now() - fetchedAt;
    const unknown = kid !== undefined && keys?.some((key) => key.kid === kid) !== true;
    if (keys !== undefined && age < (unknown ? lookAgain : goodFor)) return keys;
    fetchedAt = options.now();
    try {
      keys = keysIn(await options.fetch());
    } catch (error) {
      // Unset, the next call tries again.
      if (keys === undefined) {
        fetchedAt = -Infinity;
        throw error;
      }
    }
    return keys;
  };
}

function keysIn(set: unknown): readonly PublicKey[] {
  const { keys } = Object(set) as { readonly keys?: unknown };
  if (!Array.isArray(keys)) throw new TypeError("jwks: the set has no list of keys");
  return keys.filter((key): key is PublicKey => typeof key === "object" && key !== null);
}
