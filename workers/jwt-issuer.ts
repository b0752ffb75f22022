import { compose, retry, timeout } from "ninelives";
import { type Identity, type JwtAlgorithm, jwks, jwtVerifier, object, text } from "ninelives/control";
import { json } from "./configured.ts";
import type { Env } from "./env.ts";

type Verifier = (token: string) => Promise<Identity>;

const configuration = object({ alg: text(), issuer: text(), audience: text(), jwks: text() });

const trusted = /^(?:https:\/\/|http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])[:/])/;

let current: { readonly config: string; readonly verifier: Verifier } | undefined;

/** What checks the JWTs of the configured issuer, if there is one. @throws TypeError when the configuration is wrong */
export function verifierOf(env: Env): Verifier | undefined {
  const config = env.JWT ?? "";
  if (config.trim() === "") return undefined;
  // One for each isolate, with the keys that it has seen.
  if (current?.config !== config) current = { config, verifier: made(config) };
  return current.verifier;
}

function made(config: string): Verifier {
  const { alg, issuer, audience, jwks: url } = fieldsOf(json(config, "JWT"));
  if (!trusted.test(url))
    throw new TypeError("JWT.jwks must be an https URL, or an http one of this machine");
  const look = compose(timeout("5s"), retry(2), timeout("2s")).wrap(async (_: undefined, { signal }) => {
    // Keys come from where the owner says, and from nowhere else. Of `redirect: "error"` workerd knows nothing.
    const response = await fetch(url, { signal, redirect: "manual" });
    if (response.ok) return response.json();
    await response.body?.cancel();
    throw new Error(`the keys of JWT could not be fetched: ${response.status}`);
  });
  const keys = jwks({
    fetch: () =>
      look(undefined).catch((error: unknown) => {
        console.warn("JWT.jwks:", error);
        throw error;
      }),
    now: () => Date.now(),
  });
  return jwtVerifier({ alg: alg as JwtAlgorithm, issuer, audience, keys, wall: () => Date.now() });
}

function fieldsOf(read: unknown): ReturnType<(typeof configuration)["read"]> {
  try {
    return configuration.read(read, "JWT");
  } catch (error) {
    // It is the owner's mistake, and no command's: whoever asks must not be told that theirs is.
    throw new TypeError((error as Error).message);
  }
}
