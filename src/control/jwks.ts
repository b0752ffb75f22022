import type { PublicKey } from "./jwt.ts";

export interface JwksOptions {
  /** Fetches the set; within policies, as any service. */
  readonly fetch: () => Promise<unknown>;
  /** Milliseconds, of any beginning. */
  readonly now: () => number;
}

/** The keys of an issuer cannot be had, so that nobody knows whether a token holds. */
export class JwksError extends Error {
  override readonly name = "JwksError";
  /** Milliseconds after which they are fetched again. */
  readonly retryAfter: number;

  /** @param cause what the last look for them came to */
  constructor(retryAfter: number, cause: unknown) {
    super("the keys of the issuer of tokens cannot be had", { cause });
    this.retryAfter = retryAfter;
  }
}

/** Milliseconds for which a set is good, and between two looks for a key that it does not have. */
const goodFor = 600_000;
const lookAgain = 30_000;
/** After a look that failed, as long as no set was ever seen. */
const waitAfter = 5_000;

/**
 * The keys of an issuer who may change them: fetched when need be, and anew when a token names one that is not there.
 *
 * Tokens that name keys which nobody has cause one fetch in 30 s. While the issuer cannot be reached the keys last seen
 * hold; where none were ever seen, one look in 5 s is made for all tokens together.
 *
 * @throws JwksError while no set was ever seen
 */
export function jwks(options: JwksOptions): (kid: string | undefined) => Promise<readonly PublicKey[]> {
  let keys: readonly PublicKey[] | undefined;
  let fetchedAt = -Infinity;
  let failed: { readonly at: number; readonly cause: unknown } | undefined;
  return async (kid) => {
    const now = options.now();
    const unknown = kid !== undefined && keys?.some((key) => key.kid === kid) !== true;
    if (keys !== undefined && now - fetchedAt < (unknown ? lookAgain : goodFor)) return keys;
    const wait = failed === undefined ? 0 : failed.at + waitAfter - now;
    if (keys === undefined && wait > 0) throw new JwksError(wait, failed?.cause);
    fetchedAt = now;
    try {
      keys = keysIn(await options.fetch());
    } catch (cause) {
      // From the end of the look: one that fails may take as long as the wait.
      failed = { at: options.now(), cause };
      if (keys === undefined) throw new JwksError(waitAfter, cause);
    }
    return keys;
  };
}

function keysIn(set: unknown): readonly PublicKey[] {
  const { keys } = Object(set) as { readonly keys?: unknown };
  if (!Array.isArray(keys)) throw new TypeError("jwks: the set has no list of keys");
  return keys.filter((key): key is PublicKey => typeof key === "object" && key !== null);
}
