import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allows, anonymous, identify, readTokens, sha256 } from "../../src/control/index.ts";

const hash = "a".repeat(64);
const entry = { name: "ann", sha256: hash, scopes: ["*"] };

describe("readTokens", () => {
  it.each([undefined, "", "  \n"])("takes %j for no tokens", (text) => {
    expect(readTokens(text)).toEqual([]);
  });

  it("reads names, hashes and scopes, and nothing else", () => {
    expect(readTokens(JSON.stringify([{ ...entry, token: "secret" }]))).toEqual([entry]);
  });

  it.each<[string, string]>([
    [`${hash} oops`, "TOKENS is no JSON"],
    ["{}", "TOKENS must be a JSON array"],
    ["null", "TOKENS must be a JSON array"],
    ["[null]", "TOKENS[0] must be"],
    ["[5]", "TOKENS[0] must be"],
    [JSON.stringify([entry, {}]), "TOKENS[1] must be"],
    [JSON.stringify([{ ...entry, name: "" }]), "TOKENS[0] must be"],
    [JSON.stringify([{ ...entry, name: 5 }]), "TOKENS[0] must be"],
    [JSON.stringify([{ ...entry, sha256: hash.toUpperCase() }]), "TOKENS[0] must be"],
    [JSON.stringify([{ ...entry, sha256: hash.slice(1) }]), "TOKENS[0] must be"],
    [JSON.stringify([{ ...entry, sha256: [hash] }]), "TOKENS[0] must be"],
    [JSON.stringify([{ ...entry, scopes: "*" }]), "TOKENS[0] must be"],
    [JSON.stringify([{ ...entry, scopes: [5] }]), "TOKENS[0] must be"],
  ])("says which entry of %s is wrong", (text, message) => {
    const reading = () => readTokens(text);
    expect(reading).toThrow(TypeError);
    expect(reading).toThrow(message);
  });

  it("never quotes what it was given, and throws nothing but a TypeError", () => {
    const wrong = fc.oneof(
      fc.json().map((text) => `${text}${hash}`),
      fc.string().map((text) => `[{"sha256": "${hash}" ${text}`),
      fc.json(),
    );
    fc.assert(
      fc.property(wrong, (text) => {
        try {
          readTokens(text);
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError);
          expect((error as Error).message).not.toContain("aaaa");
        }
      }),
    );
  });
});

describe("identify", () => {
  const known = async () => [
    { name: "ann", sha256: await sha256("ann's"), scopes: ["*"] },
    { name: "bob", sha256: await sha256("bob's"), scopes: ["read"] },
  ];

  it("finds whose token it is", async () => {
    expect(await identify("bob's", await known())).toMatchObject({ name: "bob", scopes: ["read"] });
  });

  it.each([undefined, "", "cid's", "ann", "ann's "])("takes the sender of %j for nobody", async (token) => {
    expect(await identify(token, await known())).toBe(anonymous);
  });

  it("knows nobody where there is no token", async () => {
    expect(await identify("ann's", [])).toBe(anonymous);
  });
});

describe("allows", () => {
  it.each<[string[], string, boolean]>([
    [["*"], "circuit.open", true],
    [["circuit.*"], "circuit.open", true],
    [["circuit.*"], "circuits.open", false],
    [["circuit.*"], "circuit", false],
    [["circuit.open"], "circuit.open", true],
    [["circuit.open"], "circuit.opening", false],
    [["circuit.open"], "circuit", false],
    [["read", "policy.set"], "policy.set", true],
    [["read"], "policy.set", false],
    [[], "read", false],
  ])("of %j for %s: %s", (scopes, needed, expected) => {
    expect(allows({ name: "ann", scopes }, needed)).toBe(expected);
  });
});

describe("sha256", () => {
  it.each([
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  ])("of %j is the one of FIPS 180-2", async (text, expected) => {
    expect(await sha256(text)).toBe(expected);
  });
});
