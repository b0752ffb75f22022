const encoded = (value: unknown) =>
  btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** Whose tokens they are, when nobody says otherwise. */
export const issuer = "https://id.test";

/** Somebody who signs JWTs, and the key that they are checked by. */
export async function jwtSigner() {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const pair = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const jwk = { ...((await crypto.subtle.exportKey("jwk", pair.publicKey)) as object), kid: "one" };
  const jwt = async (claims: object = {}, header: object = {}) => {
    const exp = Math.floor(Date.now() / 1_000) + 60;
    const body = { iss: issuer, aud: "ninelives", sub: "ann", scope: "circuit.*", exp, ...claims };
    const text = `${encoded({ alg: "ES256", kid: "one", ...header })}.${encoded(body)}`;
    const bytes = new TextEncoder().encode(text);
    const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, bytes);
    const signed = String.fromCharCode(...new Uint8Array(signature));
    return `${text}.${btoa(signed).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
  };
  return { jwt, keys: JSON.stringify({ keys: [jwk] }) };
}

/** The configuration of a Worker that takes its tokens. */
export const trusting = (jwks: string) =>
  JSON.stringify({ alg: "ES256", issuer, audience: "ninelives", jwks });
