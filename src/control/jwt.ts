import { anonymous, type Identity } from "./tokens.ts";

/** The algorithms that a verifier may be fixed to; none with a secret that both sides know. */
export type JwtAlgorithm = "RS256" | "ES256" | "EdDSA";

/** A public key as a JWK Set has it. */
export type PublicKey = Readonly<Record<string, unknown>>;

export interface JwtOptions {
  /** The one algorithm that is taken, whatever a token says of itself. */
  readonly alg: JwtAlgorithm;
  readonly issuer: string;
  readonly audience: string;
  /**
   * Gives the issuer's keys, those of a JWK Set.
   *
   * @param kid the key that a token names: one that is not known yet may be why to fetch anew
   */
  readonly keys: (kid: string | undefined) => Promise<readonly PublicKey[]>;
  /** Milliseconds since 1970. */
  readonly wall: () => number;
}

const algorithms: Readonly<Record<JwtAlgorithm, { kty: string; key: object; sign: object }>> = {
  RS256: {
    kty: "RSA",
    key: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
    sign: { name: "RSASSA-PKCS1-v1_5" },
  },
  ES256: {
    kty: "EC",
    key: { name: "ECDSA", namedCurve: "P-256" },
    sign: { name: "ECDSA", hash: "SHA-256" },
  },
  EdDSA: { kty: "OKP", key: { name: "Ed25519" }, sign: { name: "Ed25519" } },
};

/** What is used of WebCrypto, whose types differ from one runtime to the other. */
interface Verification {
  importKey(
    format: "jwk",
    key: object,
    algorithm: object,
    extractable: false,
    uses: ["verify"],
  ): Promise<object>;
  verify(algorithm: object, key: object, signature: Uint8Array, signed: Uint8Array): Promise<boolean>;
}

const longest = 8_192;
/** Seconds by which clocks may differ. */
const tolerance = 30;

/**
 * Makes a function that tells whose JWT it is; who has none that holds is nobody.
 *
 * The signature is checked by the fixed algorithm before a claim is read. A token needs `iss`, `aud`, `exp` and `sub`;
 * its scopes are those of `scope` (RFC 8693), its policies those of `policies`.
 *
 * @throws what `keys` throws
 */
export function jwtVerifier(options: JwtOptions): (token: string) => Promise<Identity> {
  const { alg, keys } = options;
  const algorithm = algorithms[alg];
  if (algorithm === undefined) {
    throw new TypeError(
      `jwt: alg must be one of ${Object.keys(algorithms).join(", ")}, but is ${JSON.stringify(alg)}`,
    );
  }
  return async (token) => {
    if (token.length > longest) return anonymous;
    const [head, body, signature, ...more] = token.split(".");
    if (head === undefined || body === undefined || signature === undefined || more.length > 0)
      return anonymous;
    const header = objectIn(head);
    // An extension that must be understood is one that is not.
    if (header === undefined || header.alg !== alg || "crit" in header) return anonymous;
    const kid = typeof header.kid === "string" ? header.kid : undefined;
    const signed = new TextEncoder().encode(`${head}.${body}`);
    const bytes = bytesIn(signature);
    if (bytes === undefined) return anonymous;
    for (const key of (await keys(kid)).filter((each) => fits(each, kid, algorithm.kty, alg))) {
      if (await verifies(key, algorithm, bytes, signed)) return identityIn(objectIn(body), options);
    }
    return anonymous;
  };
}

function fits(key: PublicKey, kid: string | undefined, kty: string, alg: string): boolean {
  return (
    key.kty === kty &&
    (kid === undefined || key.kid === kid) &&
    (key.alg === undefined || key.alg === alg) &&
    (key.use === undefined || key.use === "sig")
  );
}

async function verifies(
  jwk: PublicKey,
  { key, sign }: { readonly key: object; readonly sign: object },
  signature: Uint8Array,
  signed: Uint8Array,
): Promise<boolean> {
  try {
    // The private part, should a set hold one by mistake, and what a key is said to be for, play no part here.
    const { kty, crv, x, y, n, e } = jwk;
    const subtle = crypto.subtle as unknown as Verification;
    const imported = await subtle.importKey("jwk", { kty, crv, x, y, n, e }, key, false, ["verify"]);
    return await subtle.verify(sign, imported, signature, signed);
  } catch {
    return false;
  }
}

function identityIn(claims: Record<string, unknown> | undefined, options: JwtOptions): Identity {
  if (claims === undefined) return anonymous;
  const { iss, aud, exp, nbf, sub, scope, policies } = claims;
  const now = options.wall() / 1_000;
  const holds =
    iss === options.issuer &&
    [aud].flat().includes(options.audience) &&
    typeof exp === "number" &&
    now < exp + tolerance &&
    (nbf === undefined || (typeof nbf === "number" && nbf - tolerance <= now));
  if (!holds || typeof sub !== "string" || sub === "" || sub.length > 200) return anonymous;
  const scopes = typeof scope === "string" ? scope.split(" ").filter((each) => each !== "") : [];
  const identity = { name: `jwt:${sub}`, scopes, until: (exp + tolerance) * 1_000 };
  if (policies === undefined) return identity;
  const listed = Array.isArray(policies) && policies.every((each) => typeof each === "string");
  return listed ? { ...identity, policies } : anonymous;
}

function objectIn(part: string): Record<string, unknown> | undefined {
  const bytes = bytesIn(part);
  if (bytes === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function bytesIn(part: string): Uint8Array | undefined {
  if (!/^[\w-]+$/.test(part)) return undefined;
  try {
    return Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (each) =>
      each.charCodeAt(0),
    );
  } catch {
    return undefined;
  }
}
