import { realOrigin } from "../contracts/real-origin.ts";

const encoded = (text: string) => btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const [issuer, audience] = ["https://id.test", "ninelives"];

/** The variable `JWT` of a Worker that checks tokens by the keys at a URL. */
export const trusting = (jwks: string) => JSON.stringify({ alg: "ES256", issuer, audience, jwks });

/** An issuer of JWTs, whose keys a real server has. */
export async function testIssuer() {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const pair = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const jwk = { ...((await crypto.subtle.exportKey("jwk", pair.publicKey)) as object), kid: "one" };
  const keys = JSON.stringify({ keys: [jwk] });
  const server = await realOrigin([], { body: keys });
  return {
    /** For the variable `JWT`. */
    config: trusting(server.url("/keys")),
    keys,
    server,
    /** A token that holds for a minute, unless its claims or its header say otherwise. */
    async sign(claims: object = {}, header: object = {}) {
      const exp = Math.floor(Date.now() / 1_000) + 60;
      const body = { iss: issuer, aud: audience, sub: "ann", scope: "circuit.*", exp, ...claims };
      const head = { alg: "ES256", kid: "one", ...header };
      const text = `${encoded(JSON.stringify(head))}.${encoded(JSON.stringify(body))}`;
      const bytes = new TextEncoder().encode(text);
      const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, bytes);
      return `${text}.${encoded(String.fromCharCode(...new Uint8Array(signature)))}`;
    },
  };
}
