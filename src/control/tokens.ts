/** Who sends a command, and what they may do. */
export interface Identity {
  readonly name: string;
  /** Names of commands; `circuit.*` stands for all that begin so, `*` for all. `read` lets one look. */
  readonly scopes: readonly string[];
  /** The policies that they may touch: `acme-*` stands for all that begin so. Default all. */
  readonly policies?: readonly string[];
  /** When their token ends, in milliseconds since 1970: what stays open must not outlive it. Default never. */
  readonly until?: number;
}

/** A token as a server keeps it: only its hash. */
export interface TokenRecord extends Identity {
  /** SHA-256 of the token, in lower-case hex. */
  readonly sha256: string;
}

/** Nobody, who may do nothing. */
export const anonymous: Identity = { name: "anonymous", scopes: [] };

/**
 * Reads the list of tokens that a server accepts.
 *
 * @param text JSON: `[{ "name": "ann", "sha256": "…", "scopes": ["circuit.*"] }]`; empty for none
 * @throws TypeError that says which entry is wrong; it never quotes a hash
 */
export function readTokens(text: string | undefined): TokenRecord[] {
  if (text === undefined || text.trim() === "") return [];
  const list = parsed(text);
  if (!Array.isArray(list)) throw new TypeError("TOKENS must be a JSON array");
  return list.map((entry: Partial<TokenRecord> | null, index) => {
    const { name, sha256, scopes, policies } = entry ?? {};
    const named = typeof name === "string" && name !== "";
    const hashed = typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256);
    const listed = Array.isArray(scopes) && scopes.every((scope) => typeof scope === "string");
    const bounded =
      policies === undefined ||
      (Array.isArray(policies) && policies.every((policy) => typeof policy === "string"));
    if (!named || !hashed || !listed || !bounded) {
      throw new TypeError(`TOKENS[${index}] must be { name, sha256: 64 hex digits, scopes: [...] }`);
    }
    return { name, sha256, scopes, ...(policies !== undefined && { policies }) };
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes what it found.
    throw new TypeError("TOKENS is no JSON");
  }
}

/** Finds whose token it is, in a time that does not tell how near a wrong one came. */
export async function identify(token: string | undefined, known: readonly TokenRecord[]): Promise<Identity> {
  if (token === undefined || token === "") return anonymous;
  const hash = await sha256(token);
  let found: Identity = anonymous;
  // All are compared, whichever fits, and each to its end.
  for (const record of known) if (equal(hash, record.sha256)) found = record;
  return found;
}

/** Whether an identity may do what needs a scope. */
export function allows({ scopes }: Identity, needed: string): boolean {
  return scopes.some((scope) =>
    scope.endsWith("*") ? needed.startsWith(scope.slice(0, -1)) : scope === needed,
  );
}

/** Whether an identity may touch a policy, a circuit of its name such as `prices.2`, or what belongs to it: `prices/weights`. */
export function reaches({ policies }: Identity, name: string): boolean {
  if (policies === undefined) return true;
  return policies.some((policy) =>
    policy.endsWith("*")
      ? name.startsWith(policy.slice(0, -1))
      : name === policy || name.startsWith(`${policy}.`) || name.startsWith(`${policy}/`),
  );
}

/** SHA-256 in lower-case hex. */
export async function sha256(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function equal(one: string, other: string): boolean {
  let difference = one.length ^ other.length;
  for (let index = 0; index < one.length; index++)
    difference |= one.charCodeAt(index) ^ other.charCodeAt(index);
  return difference === 0;
}
