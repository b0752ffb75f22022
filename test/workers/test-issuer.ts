import { onTestFinished, vi } from "vitest";

const url = (text: string) => btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const [issuer, audience] = ["https://id.test", "ninelives"];

/** An issuer of JWTs, whose keys whoever fetches gets until the end of the test. */
export async function testIssuer() {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const pair = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const jwk = { ...((await crypto.subtle.exportKey("jwk", pair.publicKey)) as object), kid: "one" };
  const fetched = vi
    .spyOn(globalThis, "fetch")
    .mockImplementation(async () => Response.json({ keys: [jwk] }));
  onTestFinished(() => fetched.mockRestore());
  const jwks = `${issuer}/${crypto.randomUUID()}`;
  return {
    /** For the variable `JWT`. */
    config: JSON.stringify({ alg: "ES256", issuer, audience, jwks }),
    async sign(claims: { readonly sub: string; readonly scope: string; readonly exp: number }) {
      const body = JSON.stringify({ iss: issuer, aud: audience, ...claims });
      const text = `${url(JSON.stringify({ alg: "ES256", kid: "one" }))}.${url(body)}`;
      const bytes = new TextEncoder().encode(text);
      const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, bytes);
      return `${text}.${url(String.fromCharCode(...new Uint8Array(signature)))}`;
    },
  };
}
