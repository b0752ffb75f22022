import { exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
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
  const inside = "http://prices.upstream/v2";

  it.each([
    // What is written, and what is asked for, which is under the upstream's own path, or how it is refused.
    ["//evil.test/a", `${inside}//evil.test/a`],
    ["/https://evil.test/", `${inside}/https://evil.test/`],
    ["/@evil.test/", `${inside}/@evil.test/`],
    ["/x@evil.test:80/", `${inside}/x@evil.test:80/`],
    ["/%40evil.test", `${inside}/%40evil.test`],
    ["/:80/", `${inside}/:80/`],
    ["/\\\\evil.test", `${inside}///evil.test`],
    ["/%5C%5Cevil.test", `${inside}/%5C%5Cevil.test`],
    ["/%2f%2fevil.test", `${inside}/%2f%2fevil.test`],
    ["/a%0d%0ahost:evil.test", `${inside}/a%0d%0ahost:evil.test`],
    ["/a%00b", `${inside}/a%00b`],
    ["/?url=http://169.254.169.254/", `${inside}?url=http://169.254.169.254/`],
    ["/..?x=1", 404],
    ["?@evil.test", `${inside}?@evil.test`],
    ["/.%2e/%2e./admin", 404],
    ["/a/..;/admin", 400],
    ["/a/%2e%2e%2fadmin", 400],
    ["/..%5cadmin", 400],
    ["/%2e%2e%5cadmin", 400],
    ["/..%2f..%2f..%2fetc%2fpasswd", 400],
    ["/a/%2E%2E;jsession=1/admin", 400],
  ])("of %s", async (path, target) => {
    const { status, urls } = await tried(`/gateway/prices${path}`);
    expect([status, urls]).toEqual(typeof target === "string" ? [200, [target]] : [target, []]);
  });

  it.each([
    "/gateway/evil.test/",
    "/gateway/http:%2f%2fevil.test/",
    "/gateway/..%2fprices/",
    "/gateway/prices.evil.test/",
  ])("asks nobody for %s", async (path) => {
    const { status, urls } = await tried(path);
    expect([status, urls]).toEqual([404, []]);
  });

  it.each(["http://169.254.169.254/", "//evil.test/", "https://prices.upstream@evil.test/", "/\\evil.test"])(
    "hands a redirect to %s to the caller, and goes nowhere",
    async (location) => {
      const { fetch, seen } = await testWorker({
        origin: () => new Response(null, { status: 302, headers: { location } }),
      });
      const response = await fetch("/gateway/prices/");
      expect([response.status, response.headers.get("location"), seen.length]).toEqual([302, location, 1]);
    },
  );
});

describe("gateway against headers that lie", () => {
  it.each([
    ["host", "evil.test", undefined],
    ["forwarded", "for=10.0.0.1;host=evil.test", undefined],
    ["x-forwarded-for", "10.0.0.1", undefined],
    ["x-forwarded-host", "evil.test", "edge.test"],
    ["x-forwarded-proto", "http", "https"],
    ["x-forwarded-port", "22", undefined],
    ["x-forwarded-prefix", "/admin", undefined],
    ["x-forwarded-anything", "1", undefined],
    ["x-real-ip", "10.0.0.1", undefined],
    ["x-client-ip", "10.0.0.1", undefined],
    ["true-client-ip", "10.0.0.1", undefined],
    ["x-original-url", "/admin", undefined],
    ["x-rewrite-url", "/admin", undefined],
    ["cf-ray", "1", undefined],
    ["cf-worker", "evil.test", undefined],
    ["cf-access-jwt-assertion", "ey", undefined],
    ["x-ninelives-attempts", "9", undefined],
    ["connection", "close", undefined],
    ["keep-alive", "timeout=5", undefined],
    ["te", "trailers", undefined],
    ["upgrade", "h2c", undefined],
    ["proxy-authorization", "Basic eDp5", undefined],
    ["proxy-connection", "keep-alive", undefined],
    ["cdn-loop", "cloudflare", "cloudflare"],
    ["authorization", "Bearer mine", "Bearer mine"],
    ["x-mine", "1", "1"],
  ])("%s: %s", async (name, value, expected) => {
    const { status, headers } = await tried("/gateway/prices/", { headers: { [name]: value } });
    expect([status, headers?.get(name) ?? undefined]).toEqual([200, expected]);
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
