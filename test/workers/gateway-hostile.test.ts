import { exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { answeredHeaders, gatewayPaths, lyingHeaders, redirects, strangeHosts } from "./hostile-cases.ts";
import { problemIn, testWorker, toldToOwner } from "./test-worker.ts";

/** Where a request to this path went, and how it was answered. */
async function tried(path: string, init?: RequestInit) {
  const { fetch, seen } = await testWorker({
    upstreams: { prices: { service: "ORIGIN", path: "/v2", policy: "identity" } },
  });
  const { status } = await fetch(path, init);
  return { status, urls: seen.map(({ url }) => url), headers: seen[0]?.headers };
}

describe("gateway against paths that lead elsewhere", () => {
  it.each(gatewayPaths)("of %s", async (path, target) => {
    const { status, urls } = await tried(`/gateway/prices${path}`);
    expect([status, urls]).toEqual(typeof target === "string" ? [200, [target]] : [target, []]);
  });

  it.each(strangeHosts)("asks nobody for %s", async (path) => {
    const { status, urls } = await tried(path);
    expect([status, urls]).toEqual([404, []]);
  });

  it.each(redirects)("hands a redirect to %s to the caller, and goes nowhere", async (location) => {
    const { fetch, seen } = await testWorker({
      origin: () => new Response(null, { status: 302, headers: { location } }),
    });
    const response = await fetch("/gateway/prices/");
    expect([response.status, response.headers.get("location"), seen.length]).toEqual([302, location, 1]);
  });
});

describe("gateway against service workers", () => {
  it("hands out no script whose scope would be all upstreams", async () => {
    const { fetch, seen } = await testWorker();
    const headers = { "service-worker": "script" };
    const response = await fetch("/gateway/prices", { headers });
    expect([response.status, (await problemIn(response)).type]).toEqual([
      400,
      "urn:ninelives:problem:bad-path",
    ]);
    expect(seen).toEqual([]);
    expect((await fetch("/gateway/prices/worker.js", { headers })).status).toBe(200);
    expect((await fetch("/gateway/prices")).status).toBe(200);
  });
});

describe("gateway against headers that lie", () => {
  it.each(lyingHeaders)("%s: %s", async (name, value, expected) => {
    const { status, headers } = await tried("/gateway/prices/", { headers: { [name]: value } });
    expect([status, headers?.get(name) ?? undefined]).toEqual([200, expected]);
  });

  it.each(answeredHeaders)("of an upstream, %s: %s", async (name, value, expected) => {
    const { fetch } = await testWorker({
      origin: () => new Response("fine", { headers: { [name]: value } }),
    });
    const { headers } = await fetch("/gateway/prices/");
    expect(headers.get(name) ?? undefined).toBe(expected);
  });

  it("tells the upstream who asks by Cloudflare's word alone", async () => {
    const { headers } = await tried("/gateway/prices/", {
      headers: { "cf-connecting-ip": "203.0.113.9", "x-forwarded-for": "10.0.0.1" },
    });
    expect(headers?.get("x-forwarded-for")).toBe("203.0.113.9");
    expect(headers?.get("cf-connecting-ip")).toBeNull();
  });

  it("removes what the connection header names, but not what it may not", async () => {
    const { status, headers } = await tried("/gateway/prices/", {
      headers: { connection: "x-secret, , close", "x-secret": "1", "x-mine": "1" },
    });
    expect([status, headers?.get("x-secret"), headers?.get("x-mine")]).toEqual([200, null, "1"]);
  });

  it.each(["x-http-method-override", "x-http-method", "x-method-override"])(
    "sends a GET that %s makes another method of once",
    async (name) => {
      const { fetch, seen } = await testWorker({
        upstreams: { prices: { service: "ORIGIN", policy: "retry(3, backoff: constant(1ms))" } },
        origin: () => new Response("broken", { status: 500 }),
      });
      await fetch("/gateway/prices/", { headers: { [name]: "DELETE" } });
      expect(seen).toHaveLength(1);
    },
  );

  it("lets no upstream say what the gateway did", async () => {
    const { fetch } = await testWorker({
      origin: () =>
        new Response("fine", {
          headers: {
            "x-ninelives-attempts": "99",
            "x-ninelives-member": "evil",
            "server-timing": "db;dur=5",
          },
        }),
    });
    const { headers } = await fetch("/gateway/prices/");
    expect([headers.get("x-ninelives-attempts"), headers.get("x-ninelives-member")]).toEqual(["1", null]);
    expect(headers.get("server-timing")).toMatch(/^db;dur=5, ninelives;dur=/);
  });

  it("says nothing of what is inside when an upstream cannot be reached", async () => {
    const told = toldToOwner("warn");
    const { fetch } = await testWorker({
      upstreams: { prices: { service: "ORIGIN", policy: "identity" } },
      origin: () => {
        throw new Error("connect 10.0.0.7:5432 with password hunter2");
      },
    });
    const response = await fetch("/gateway/prices/");
    expect(response.status).toBe(502);
    expect(JSON.stringify(await problemIn(response))).not.toMatch(/hunter2|10\.0\.0\.7|stack/);
    // Its owner hears of it.
    expect(told).toHaveLength(1);
  });

  it("asks no origin when a real request writes its URL as one that is not ours", async () => {
    const response = await exports.default.fetch("https://evil.test/gateway/evil.test/");
    expect((await problemIn(response)).type).toBe("urn:ninelives:problem:unknown-upstream");
  });
});

describe("GATEWAY_HOST", () => {
  it("keeps upstreams, whose pages may be hostile, off the dashboard's hostname", async () => {
    const { fetch, as, seen } = await testWorker({ env: { GATEWAY_HOST: "api.test" } });
    expect((await problemIn(await fetch("/gateway/prices/"))).type).toBe("urn:ninelives:problem:not-found");
    expect((await fetch("/gateway/none/")).status).toBe(404);
    expect(seen).toEqual([]);
    expect((await as("admin", "/v1/state")).status).toBe(200);
    expect((await fetch("/healthz")).status).toBe(200);
  });

  it.each(["edge.test", "", undefined])(
    "lets them be reached by the host of requests: %j",
    async (GATEWAY_HOST) => {
      const { fetch } = await testWorker({ env: { GATEWAY_HOST } });
      expect((await fetch("/gateway/prices/")).status).toBe(200);
    },
  );

  it.each(["https://api.test", "api.test/", "API.test", "*.test", " "])("is no %j", async (GATEWAY_HOST) => {
    const told = toldToOwner();
    const { fetch } = await testWorker({ env: { GATEWAY_HOST } });
    expect((await fetch("/healthz")).status).toBe(500);
    expect(String(told[0]?.[0])).toContain("GATEWAY_HOST must be a hostname");
  });
});
