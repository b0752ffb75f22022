import { runDurableObjectAlarm } from "cloudflare:test";
import { env as real } from "cloudflare:workers";
import { sha256 } from "ninelives/control";
import { ManualClock } from "ninelives/testing";
import { type Endpoint, foundIn, type Registered, registryDiscovery } from "ninelives/upstreams";
import { describe, expect, it, vi } from "vitest";
import type { RegistryObject } from "../../workers/objects/registry-object.ts";
import { discoveryContract } from "../contracts/discovery.ts";
import { strangeMembers } from "./hostile-cases.ts";
import { problemIn, testWorker } from "./test-worker.ts";

const namespace = real.REGISTRY as DurableObjectNamespace<RegistryObject>;
const day = 86_400_000;
let made = 0;

discoveryContract("the registry's Durable Object", async (first) => {
  const object = namespace.getByName(`contract-${++made}`);
  let fails = false;
  let names: readonly string[] = [];
  const set = async (endpoints: readonly Endpoint[]) => {
    for (const name of names) await object.leave(name);
    for (const each of endpoints) await object.renew({ ...each, ttl: day });
    names = endpoints.map(({ name }) => name);
  };
  await set(first);
  return {
    discovery: async () => {
      if (fails) throw new Error("overloaded");
      return foundIn(await object.members(), () => true);
    },
    clock: new ManualClock(),
    set,
    fail: (now) => {
      fails = now;
    },
  };
});

const tokens = { registrar: "t-registrar", finder: "t-finder", other: "t-other" } as const;

async function stage(options: Parameters<typeof testWorker>[0] = {}) {
  const record = async (name: keyof typeof tokens, ...scopes: string[]) => ({
    name,
    sha256: await sha256(tokens[name]),
    scopes,
  });
  const records = await Promise.all([
    record("registrar", "register.prices"),
    record("finder", "discover.prices"),
    record("other", "register.stock", "discover.stock", "read"),
  ]);
  const worker = await testWorker({ ...options, env: { TOKENS: JSON.stringify(records), ...options.env } });
  const send = (who: keyof typeof tokens, method: string, path: string, body?: unknown) =>
    worker.fetch(`/v1/registry/${path}`, {
      method,
      headers: { authorization: `Bearer ${tokens[who]}` },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  return {
    ...worker,
    send,
    register: (name: string, body: object) => send("registrar", "PUT", `prices/${name}`, body),
  };
}

describe("the registry's routes", () => {
  it("take a member in, tell of it, and let it go", async () => {
    const { send, register } = await stage();
    const put = await register("eu-1:443", { url: "https://eu-1.example.com", weight: 3, ttl: 20_000 });
    expect([put.status, await put.json()]).toEqual([200, { expiresIn: 20_000 }]);
    const found = await send("finder", "GET", "prices");
    expect(await found.json()).toEqual({
      members: [{ name: "eu-1:443", url: "https://eu-1.example.com", weight: 3, priority: 0, ttl: 20_000 }],
      holds: 6_666.666666666667,
    });
    expect((await send("registrar", "DELETE", "prices/eu-1:443")).status).toBe(204);
    expect(await (await send("finder", "GET", "prices")).json()).toMatchObject({ members: [] });
  });

  it.each([
    ["other", "PUT", "prices/a"],
    ["finder", "PUT", "prices/a"],
    ["finder", "DELETE", "prices/a"],
    ["registrar", "GET", "prices"],
    ["other", "GET", "prices"],
  ] as const)("let %s not %s %s", async (who, method, path) => {
    const { send, fetch } = await stage();
    const body = method === "PUT" ? { url: "https://a.test" } : undefined;
    expect((await problemIn(await send(who, method, path, body))).type).toBe(
      "urn:ninelives:problem:forbidden",
    );
    expect((await fetch(`/v1/registry/${path}`, { method })).status).toBe(401);
  });

  it.each<[unknown, number, string]>([
    ["{", 400, "no JSON"],
    [{}, 422, "url"],
    [{ url: "javascript:alert(1)" }, 422, "url of a must be an http(s) URL"],
    [{ url: "https://user:pass@a.test" }, 422, "without user or query"],
    [{ url: "https://a.test?x" }, 422, "without user or query"],
    [{ url: "https://a.test", weight: 1_001 }, 422, "weight"],
    [{ url: "https://a.test", ttl: 1 }, 422, "ttl must be from 3s to 1h"],
    [{ url: "https://a.test", ttl: day }, 422, "ttl"],
    [{ url: "https://a.test", more: 1 }, 422, "more"],
    [{ url: `https://a.test/${"x".repeat(5_000)}` }, 413, "4096 bytes"],
  ])("refuse %j with %i", async (body, status, detail) => {
    const { send } = await stage();
    const response = await send("registrar", "PUT", "prices/a", body);
    expect(response.status).toBe(status);
    expect((await problemIn(response)).detail).toContain(detail);
  });

  it("know no other paths", async () => {
    const { send } = await stage();
    for (const path of ["Prices/a", "prices/a/b", "prices/%2e%2e", "prices/a b", ""])
      expect((await send("registrar", "PUT", path, { url: "https://a.test" })).status).toBe(404);
  });

  it("say that there is no registry where none is bound", async () => {
    const { send } = await stage({ env: { REGISTRY: undefined } });
    expect((await problemIn(await send("finder", "GET", "prices"))).detail).toContain("REGISTRY");
  });

  it("are what registryDiscovery asks", async () => {
    const { fetch, register } = await stage();
    await register("a", { url: "https://a.example.com" });
    await register("b", { url: "https://b.elsewhere.test" });
    const discovery = registryDiscovery({
      url: "https://edge.test",
      service: "prices",
      token: tokens.finder,
      origins: ["https://*.example.com"],
      fetch: ((url: string, init: RequestInit) =>
        fetch(url.slice("https://edge.test".length), init)) as never,
    });
    const { endpoints } = await discovery(undefined, { signal: new AbortController().signal } as never);
    expect(endpoints.map(({ name }) => name)).toEqual(["a"]);
  });
});

describe("the registry's object", () => {
  const member = (name: string, ttl: number): Registered => ({
    name,
    url: `https://${name}.test`,
    weight: 1,
    priority: 0,
    ttl,
  });

  it("forgets who is silent, and its alarm leaves nothing behind", async () => {
    const object = namespace.getByName(`silent-${++made}`);
    await object.renew(member("a", 30));
    await object.renew(member("b", day));
    await vi.waitFor(async () => {
      expect((await object.members()).members.map(({ name }) => name)).toEqual(["b"]);
    });
    expect(await runDurableObjectAlarm(object)).toBe(true);
    await object.leave("b");
    expect((await object.members()).members).toEqual([]);
  });
});

describe("the gateway to a discovered group", () => {
  const discover = { registry: "prices", origins: ["https://*.example.com"] };

  it("follows who registers, and sends nothing where no request may go", async () => {
    const seen: string[] = [];
    const upstream = vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
      seen.push(String(input));
      return new Response("fine");
    });
    try {
      const upstreams = { prices: { discover, policy: "retry(2)" } };
      expect((await (await stage({ upstreams })).fetch("/gateway/prices/today")).status).toBe(502);
      const { register, fetch } = await stage({ upstreams });
      await register("a", { url: "https://a.example.com/v2" });
      await register("evil", { url: "http://169.254.169.254" });
      const response = await fetch("/gateway/prices/today?x=1");
      expect([response.status, response.headers.get("x-ninelives-member")]).toEqual([200, "a"]);
      expect(seen).toEqual(["https://a.example.com/v2/today?x=1"]);
      expect((await fetch("/gateway/prices/..%2f..%2fadmin")).status).toBe(400);
    } finally {
      upstream.mockRestore();
    }
  });

  it.each(strangeMembers)("sends nothing to %s, whoever registers it", async (url) => {
    const asked = vi.spyOn(globalThis, "fetch");
    const told = vi.spyOn(console, "warn").mockImplementation(() => {});
    try {
      const { register, fetch } = await stage({
        upstreams: { prices: { discover, policy: "identity", check: "/healthz" } },
      });
      await register("evil", { url });
      expect((await fetch("/gateway/prices/today")).status).toBe(502);
      expect(asked).not.toHaveBeenCalled();
    } finally {
      asked.mockRestore();
      told.mockRestore();
    }
  });

  it("says when there is no registry to ask", async () => {
    const { fetch } = await stage({ upstreams: { prices: { discover } }, env: { REGISTRY: undefined } });
    const told = vi.spyOn(console, "error").mockImplementation(() => {});
    expect((await fetch("/healthz")).status).toBe(500);
    expect(String(told.mock.calls[0]?.[0])).toContain("there is no binding REGISTRY");
    told.mockRestore();
  });
});
