import fc from "fast-check";
import { adaptive } from "ninelives";
import { readTokens } from "ninelives/control";
import { readSettings, readUpstreams, type Upstream, withSettings } from "ninelives/upstreams";
import { describe, expect, inject, it } from "vitest";
import { readAlerts } from "../../workers/alerting.ts";
import type { Env } from "../../workers/env.ts";
import { readExports } from "../../workers/exports.ts";
import { readIngestKeys } from "../../workers/ingest-keys.ts";
import { verifierOf } from "../../workers/jwt-issuer.ts";
import { checkWeights } from "../../workers/weights.ts";
import { testWorker, tokens, toldToOwner } from "./test-worker.ts";

const runs = inject("cases");
const secret = "hunter2-hunter2";
const someUpstream = readUpstreams('{ "prices": { "members": [{ "service": "A" }] } }').get(
  "prices",
) as Upstream;

const euAndUs = new Map(["eu", "us"].map((name) => [name, adaptive(1)]));

const junk = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom("__proto__", "constructor", "", "1h", "-1ms", "http://[", "https://a.test/?b", "retry("),
  fc.constantFrom(-1, 0.5, 1e308, 2 ** 53),
);

/** JSON as its owner meant it, but for one value, one name, or one character. */
function nearly(meant: unknown): fc.Arbitrary<string> {
  const places: (readonly string[])[] = [];
  const visit = (value: unknown, path: readonly string[]): void => {
    places.push(path);
    if (typeof value !== "object" || value === null) return;
    for (const [name, each] of Object.entries(value)) visit(each, [...path, name]);
  };
  visit(meant, []);
  const text = JSON.stringify(meant);
  const changed = fc
    .record({
      at: fc.constantFrom(...places),
      how: fc.constantFrom("value", "name", "less"),
      name: fc.constantFrom("__proto__", "constructor", "Url", "", "x"),
      value: junk,
    })
    .map(({ at, how, name, value }) => {
      if (at.length === 0) return JSON.stringify(value) ?? "";
      const copy = JSON.parse(text) as Record<string, unknown>;
      const holder = at
        .slice(0, -1)
        .reduce<Record<string, unknown>>((inner, key) => inner[key] as never, copy);
      const last = at.at(-1) as string;
      if (how === "value") holder[last] = value;
      else {
        const before = holder[last];
        delete holder[last];
        if (how === "name") Object.defineProperty(holder, name, { value: before, enumerable: true });
      }
      return JSON.stringify(copy);
    });
  const cut = fc.nat(text.length).map((length) => text.slice(0, length));
  return fc.oneof({ weight: 8, arbitrary: changed }, { weight: 1, arbitrary: cut });
}

/** What each part of the configuration looks like, and what reads it. */
const parts: Readonly<Record<string, readonly [meant: unknown, read: (text: string) => unknown]>> = {
  UPSTREAMS: [
    {
      prices: {
        members: [
          { name: "eu", url: "https://eu.test/v2", weight: 9, policy: "circuitBreaker" },
          { name: "us", service: "US", priority: 1 },
        ],
        group: { slowStart: "30s", consecutiveFailures: 3 },
        routes: [{ name: "search", path: "/search", methods: ["GET"], policy: "timeout(1s)" }],
        deadline: { dialect: "grpc", ceiling: "5s" },
        priority: { header: "priority", trust: "token" },
        staleIfError: "1h",
        check: { path: "/healthz", every: "5s" },
      },
      found: { discover: { dns: "_https._tcp.a.test", least: "10s" }, trace: true },
      listed: { discover: { registry: "a", origins: ["https://*.a.test"] }, redirects: "follow" },
    },
    readUpstreams,
  ],
  settings: [
    {
      group: { slowStart: "30s", deviations: 2 },
      routes: [{ name: "search", path: "/search/*", methods: ["GET"], policy: "timeout(1s)" }],
      staleIfError: "1h",
      check: false,
      deadline: { dialect: "envoy" },
      priority: { header: "x-urgency", trust: "everybody" },
      trace: true,
      redirects: "follow",
      quiet: false,
    },
    (text) => withSettings(someUpstream, readSettings(text)),
  ],
  weights: [{ eu: 5, us: 0.5 }, (text) => checkWeights(text, euAndUs)],
  INGEST_KEYS: [{ [secret]: ["https://shop.test"], other: ["*"] }, readIngestKeys],
  TOKENS: [[{ name: "ann", sha256: "a".repeat(64), scopes: ["*"], policies: ["acme-*"] }], readTokens],
  JWT: [
    { alg: "ES256", issuer: "https://id.test", audience: "ninelives", jwks: "https://id.test/jwks" },
    (text) => verifierOf({ JWT: text } as Env),
  ],
  EXPORTS: [
    [
      { to: "otlp", url: "https://otel.test", headers: { "api-key": secret } },
      { to: "webhook", url: `https://hook.test/${secret}` },
    ],
    (text) => readExports({ EXPORTS: text } as Env),
  ],
  ALERTS: [
    {
      rules: [{ name: "open", when: "circuit-open", for: "1m" }],
      webhook: { url: `https://hook.test/${secret}`, headers: { authorization: secret } },
    },
    readAlerts,
  ],
};

describe("a configuration", () => {
  it.each(Object.entries(parts))("%s is read as it is meant", (_, [meant, read]) => {
    expect(() => read(JSON.stringify(meant))).not.toThrow();
  });

  it.each(Object.entries(parts))(
    "%s that is nearly right is read, or refused by an error of ours that holds no secret",
    (name, [meant, read]) => {
      fc.assert(
        fc.property(nearly(meant), (text) => {
          try {
            read(text);
          } catch (error) {
            const { message, name: kind } = error as Error;
            expect(["TypeError", "RangeError", "SyntaxError"]).toContain(kind);
            expect(message.length).toBeLessThan(600);
            // It says which part of the configuration it is about.
            expect(message.toLowerCase()).toContain(name.toLowerCase());
            if (!["UPSTREAMS", "settings", "weights"].includes(name)) expect(message).not.toContain(secret);
          }
        }),
        { numRuns: runs },
      );
      expect(({} as Record<string, unknown>).x).toBeUndefined();
    },
  );
});

it("a wrong issuer of JWTs is the owner's mistake, of which /healthz tells, and not that of who asks", async () => {
  const told = toldToOwner();
  const { fetch } = await testWorker({ env: { JWT: "[]" } });
  const asked = await fetch("/v1/policies", { headers: { authorization: "Bearer a.b.c" } });
  expect([asked.status, (await fetch("/healthz")).status]).toEqual([500, 500]);
  expect(await asked.text()).not.toContain("JWT");
  expect(told.map(([error]) => String(error))).toEqual(Array(2).fill(expect.stringContaining("JWT must be")));
});

describe("a member of the registry", () => {
  it("that is nearly right registers, or gets a problem", { timeout: 60_000 }, async () => {
    const told = toldToOwner();
    const worker = await testWorker();
    const member = { url: "https://a.test/v2", weight: 5, priority: 1, ttl: "30s" };
    await fc.assert(
      fc.asyncProperty(nearly(member), async (body) => {
        const response = await worker.fetch("/v1/registry/prices/a", {
          method: "PUT",
          headers: { authorization: `Bearer ${tokens.admin}` },
          body,
        });
        expect(response.status).toBeLessThan(500);
        const kind = response.status === 200 ? "application/json" : "application/problem+json";
        expect(response.headers.get("content-type")).toBe(kind);
        await response.text();
      }),
      { numRuns: Math.min(runs, 250) },
    );
    expect(told).toEqual([]);
  });
});
