import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anonymous, JwksError, jwks, jwtVerifier, type PublicKey } from "../../src/control/index.ts";

const now = 1_800_000_000;
const claims = {
  iss: "https://id.test",
  aud: "ninelives",
  sub: "ann",
  exp: now + 60,
  scope: "read circuit.*",
};

const base64url = (bytes: Uint8Array) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

const encoded = (value: unknown) =>
  base64url(new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value)));

async function issuer(kid = "one") {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const pair = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const jwk: PublicKey = { ...(await crypto.subtle.exportKey("jwk", pair.publicKey)), kid };
  const sign = async (body: unknown, header: object = {}) => {
    const text = `${encoded({ alg: "ES256", kid, ...header })}.${encoded(body)}`;
    const bytes = new TextEncoder().encode(text);
    const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, bytes);
    return `${text}.${base64url(new Uint8Array(signature))}`;
  };
  return { jwk, sign };
}

const known = await issuer();
const verifier = (keys: readonly PublicKey[] = [known.jwk]) =>
  jwtVerifier({
    alg: "ES256",
    issuer: claims.iss,
    audience: claims.aud,
    keys: async () => keys,
    wall: () => now * 1_000,
  });

describe("jwtVerifier", () => {
  it("tells whose token it is and what they may", async () => {
    expect(await verifier()(await known.sign(claims))).toEqual({
      name: "jwt:ann",
      scopes: ["read", "circuit.*"],
      until: (claims.exp + 30) * 1_000,
    });
    const more = {
      ...claims,
      aud: ["other", "ninelives"],
      policies: ["acme-*"],
      nbf: now + 29,
      exp: now - 29,
    };
    expect(await verifier()(await known.sign(more))).toMatchObject({ policies: ["acme-*"] });
  });

  it.each<[string, () => Promise<string>]>([
    ["is signed by another key", async () => (await issuer()).sign(claims)],
    ["names a key that is not there", () => known.sign(claims, { kid: "two" })],
    ["says alg none", async () => `${encoded({ alg: "none" })}.${encoded(claims)}.`],
    ["says alg none, signed", () => known.sign(claims, { alg: "none" })],
    ["says HS256", () => known.sign(claims, { alg: "HS256" })],
    ["must be understood", () => known.sign(claims, { crit: ["exp"] })],
    ["has expired", () => known.sign({ ...claims, exp: now - 30 })],
    ["never expires", () => known.sign({ ...claims, exp: undefined })],
    ["expires in words", () => known.sign({ ...claims, exp: "tomorrow" })],
    ["does not hold yet", () => known.sign({ ...claims, nbf: now + 31 })],
    ["is of another issuer", () => known.sign({ ...claims, iss: "https://evil.test" })],
    ["is for another audience", () => known.sign({ ...claims, aud: "other" })],
    ["is of nobody", () => known.sign({ ...claims, sub: "" })],
    ["has policies that are no list", () => known.sign({ ...claims, policies: "*" })],
    ["is no object", () => known.sign([])],
    ["is too long", () => known.sign({ ...claims, more: "x".repeat(9_000) })],
    [
      "was changed",
      async () => {
        const [head, , signature] = (await known.sign(claims)).split(".");
        return `${head}.${encoded({ ...claims, scope: "*" })}.${signature}`;
      },
    ],
  ])("takes nobody's that %s", async (_, token) => {
    expect(await verifier()(await token())).toBe(anonymous);
  });

  it("takes nothing for a token that is none", async () => {
    const part = fc.oneof(fc.string(), fc.json().map(encoded));
    const text = fc.oneof(
      fc.string(),
      fc.array(part, { maxLength: 4 }).map((parts) => parts.join(".")),
    );
    await fc.assert(
      fc.asyncProperty(text, async (token) => {
        expect(await verifier()(token)).toBe(anonymous);
      }),
    );
  });

  it("refuses an algorithm that it does not have", () => {
    const options = { issuer: "", audience: "", keys: async () => [], wall: () => 0 };
    expect(() => jwtVerifier({ ...options, alg: "none" as "ES256" })).toThrow(
      'jwt: alg must be one of RS256, ES256, EdDSA, but is "none"',
    );
  });
});

describe("jwks", () => {
  function source(sets: readonly unknown[]) {
    let fetched = 0;
    let time = 0;
    const keys = jwks({
      fetch: async () => {
        const set = sets[Math.min(fetched++, sets.length - 1)];
        if (set instanceof Error) throw set;
        return set;
      },
      now: () => time,
    });
    return { keys, pass: (ms: number) => (time += ms), fetched: () => fetched };
  }
  const set = (...kids: string[]) => ({ keys: kids.map((kid) => ({ kid })) });

  it("fetches once, and again when ten minutes are over", async () => {
    const { keys, pass, fetched } = source([set("a")]);
    await keys("a");
    pass(599_999);
    await keys("a");
    expect(fetched()).toBe(1);
    pass(1);
    await keys("a");
    expect(fetched()).toBe(2);
  });

  it("finds a new key, and is not made to fetch by keys that nobody has", async () => {
    const { keys, pass, fetched } = source([set("a"), set("a", "b")]);
    await keys("a");
    for (let time = 0; time < 100; time++) await keys("nobody's");
    expect(fetched()).toBe(1);
    pass(30_000);
    expect(await keys("b")).toEqual([{ kid: "a" }, { kid: "b" }]);
    expect(fetched()).toBe(2);
  });

  it("goes by the keys last seen while the issuer is gone, and says so where there are none", async () => {
    const gone = new Error("gone");
    const later = source([set("a"), gone]);
    await later.keys("a");
    later.pass(600_000);
    expect(await later.keys("a")).toEqual([{ kid: "a" }]);
    const never = source([gone, { keys: 5 }, set("a")]);
    await expect(never.keys("a")).rejects.toMatchObject({
      name: "JwksError",
      retryAfter: 5_000,
      cause: gone,
    });
    never.pass(5_000);
    const cause = new TypeError("jwks: the set has no list of keys");
    await expect(never.keys("a")).rejects.toMatchObject({ cause });
    never.pass(5_000);
    expect(await never.keys("a")).toEqual([{ kid: "a" }]);
  });

  it("looks once in 5 s for all tokens while no set was ever seen, and says when it looks again", async () => {
    const { keys, pass, fetched } = source([new Error("gone"), set("a")]);
    await expect(keys("a")).rejects.toBeInstanceOf(JwksError);
    for (let time = 0; time < 100; time++) await expect(keys(`${time}`)).rejects.toBeInstanceOf(JwksError);
    pass(4_000);
    await expect(keys(undefined)).rejects.toMatchObject({ retryAfter: 1_000 });
    expect(fetched()).toBe(1);
    pass(1_000);
    expect(await keys("a")).toEqual([{ kid: "a" }]);
    expect(fetched()).toBe(2);
  });

  it("waits from the end of a look that took long", async () => {
    let time = 0;
    let fetched = 0;
    const keys = jwks({
      fetch: async () => {
        fetched++;
        time += 6_000;
        throw new Error("late");
      },
      now: () => time,
    });
    await expect(keys("a")).rejects.toMatchObject({ retryAfter: 5_000 });
    await expect(keys("a")).rejects.toMatchObject({ retryAfter: 5_000 });
    expect(fetched).toBe(1);
  });
});
