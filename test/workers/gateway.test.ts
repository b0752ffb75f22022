import { exports } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { problemIn, testWorker, toldToOwner } from "./test-worker.ts";

const open = "circuitBreaker(consecutiveFailures: 2, openFor: 60s)";
const once = (policy: string, more = {}) => ({ prices: { service: "ORIGIN", policy, ...more } });
const broken = () => new Response("broken", { status: 500 });

describe("gateway, over a real service binding", () => {
  const get = (path: string, init?: RequestInit) =>
    exports.default.fetch(new Request(`https://edge.test/gateway/origin${path}`, init));

  it("passes on method, path, query, headers and body", async () => {
    const response = await get("/a/b?c=d&c=e", { method: "PUT", headers: { "x-mine": "1" }, body: "hello" });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      method: "PUT",
      target: "/a/b?c=d&c=e",
      headers: { "x-mine": "1" },
      body: "hello",
    });
  });

  it("passes on statuses with their text and bodies", async () => {
    const response = await get("/missing");
    expect([response.status, response.statusText, await response.text()]).toEqual([
      404,
      "Not Here",
      "no such thing",
    ]);
  });

  it("passes on each of several cookies", async () => {
    const response = await get("/cookies");
    expect(response.status).toBe(204);
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  });

  it("passes on redirects and follows none", async () => {
    const response = await get("/moved", { redirect: "manual" });
    expect(response.status).toBe(302);
    expect(response.headers.get("location")).toBe("https://elsewhere.test/");
  });

  it("passes on a compressed body so that it can be read", async () => {
    expect(await (await get("/gzip")).text()).toBe("squeezed");
  });

  it("keeps the headers of the connection to itself", async () => {
    const { headers } = await get("/private", {
      headers: { connection: "x-gone", "x-gone": "1", "x-kept": "1" },
    });
    expect(headers.get("x-mine")).toBeNull();
    expect(headers.get("x-yours")).toBe("2");
    const echoed = await get("/", {
      headers: { connection: "x-gone", "x-gone": "1", te: "trailers", "x-kept": "1" },
    });
    const seen = (await echoed.json<{ headers: Record<string, string> }>()).headers;
    expect(seen).toMatchObject({ "x-kept": "1", via: "1.1 ninelives" });
    expect(Object.keys(seen)).not.toEqual(expect.arrayContaining(["x-gone", "te"]));
  });

  it("answers as the dashboard's assets do where no route is", async () => {
    const response = await exports.default.fetch("https://edge.test/v1/nothing");
    expect((await problemIn(response)).type).toBe("urn:ninelives:problem:not-found");
  });
});

describe("gateway", () => {
  it("streams both ways", async () => {
    let answer!: WritableStreamDefaultWriter<Uint8Array>;
    const { fetch, seen } = await testWorker({
      origin: () => {
        const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
        answer = writable.getWriter();
        return new Response(readable);
      },
    });
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const question = writable.getWriter();
    const response = await fetch("/gateway/prices/", { method: "POST", body: readable });
    // The answer has begun while the question still goes on.
    const asked = (seen[0] as Request).body?.getReader();
    const bytes = (text: string) => new TextEncoder().encode(text);
    const [, first] = await Promise.all([question.write(bytes("one")), asked?.read()]);
    expect(new TextDecoder().decode(first?.value)).toBe("one");
    const told = (response.body as ReadableStream<Uint8Array>).getReader();
    const [, second] = await Promise.all([answer.write(bytes("two")), told.read()]);
    expect(new TextDecoder().decode(second.value)).toBe("two");
    await Promise.all([question.close(), asked?.read(), answer.close(), told.read()]);
  });

  it.each([
    ["/gateway/prices", "/"],
    ["/gateway/prices/", "/"],
    ["/gateway/prices/a", "/a"],
    ["/gateway/prices/prices/a", "/prices/a"],
    ["/gateway/prices//a", "//a"],
    ["/gateway/pr%69ces/a", "/a"],
    ["/gateway/prices/a%20b/%C3%BC", "/a%20b/%C3%BC"],
    ["/gateway/g/a", "/a"],
    ["/gateway/gateway/a", "/a"],
    ["/gateway/gateway/gateway/a", "/gateway/a"],
  ])("asks for the rest of the path: of %s for %s", async (path, expected) => {
    const service = { service: "ORIGIN" };
    const { fetch, seen } = await testWorker({
      upstreams: { prices: service, g: service, gateway: service },
    });
    expect((await fetch(path)).status).toBe(200);
    expect(new URL((seen[0] as Request).url).pathname).toBe(expected);
  });

  it("puts the upstream's own path first and lets no request leave it", async () => {
    const { fetch, seen } = await testWorker({
      upstreams: { prices: { service: "ORIGIN", path: "/v2" } },
    });
    await fetch("/gateway/prices/a");
    expect(new URL((seen[0] as Request).url).pathname).toBe("/v2/a");
    for (const path of ["/..%2fadmin", "/%2e%2e%2fadmin", "/..%5cadmin"]) {
      const response = await fetch(`/gateway/prices${path}`);
      expect([path, response.status]).toEqual([path, 400]);
      expect((await problemIn(response)).type).toBe("urn:ninelives:problem:bad-path");
    }
    expect(seen).toHaveLength(1);
  });

  it.each(["/gateway/nobody/", "/gateway/__proto__/", "/gateway/Prices/", "/gateway/constructor"])(
    "answers 404 for the unknown upstream of %s",
    async (path) => {
      const { fetch, seen } = await testWorker();
      const response = await fetch(path);
      expect(response.status).toBe(404);
      expect((await problemIn(response)).type).toBe("urn:ninelives:problem:unknown-upstream");
      expect(seen).toEqual([]);
    },
  );

  it("tells the upstream how long its caller waits, within bounds, where it is configured", async () => {
    const header = "grpc-timeout";
    const deadline = { dialect: "grpc", ceiling: "5s", least: "500ms" };
    const ask = async (upstreams: object, asked: string) => {
      const { fetch, seen } = await testWorker({ upstreams: upstreams as Record<string, unknown> });
      expect((await fetch("/gateway/prices/", { headers: { [header]: asked } })).status).toBe(200);
      return seen[0]?.headers.get(header);
    };
    const milliseconds = async (asked: string) =>
      Number.parseInt((await ask(once("retry(3)", { deadline }), asked)) ?? "");
    expect(await milliseconds("2S")).toSatisfy((left) => left > 1_000 && left <= 2_000);
    for (const asked of ["1H", "garbage", "-1S"]) {
      // What the caller itself says is replaced unless it is less.
      expect(await milliseconds(asked)).toSatisfy((left) => left > 4_000 && left <= 5_000);
    }
    expect(await ask(once("retry(3)"), "1H")).toBe("1H");
  });

  it("ends a call when its caller no longer waits, but not before the least", async () => {
    const deadline = { ceiling: "5s", least: "50ms" };
    const { fetch, seen } = await testWorker({
      upstreams: once("retry(3)", { deadline }),
      origin: () => new Promise<Response>(() => {}),
    });
    const response = await fetch("/gateway/prices/", { headers: { "x-request-timeout-ms": "0" } });
    expect([response.status, seen.length]).toEqual([504, 1]);
    expect(Number(seen[0]?.headers.get("x-request-timeout-ms"))).toBeGreaterThan(0);
    expect(await problemIn(response)).toMatchObject({ type: "urn:ninelives:problem:timeout", attempts: 1 });
  });

  it("answers 508 to a request that has come by eight times", async () => {
    const { fetch, seen } = await testWorker();
    const via = (times: number) => Array.from({ length: times }, () => "1.1 ninelives").join(", ");
    const far = await fetch("/gateway/prices/", { headers: { via: `1.1 other, ${via(7)}` } });
    expect(far.status).toBe(200);
    expect(seen[0]?.headers.get("via")).toBe(`1.1 other, ${via(8)}`);
    const round = await fetch("/gateway/prices/", { headers: { via: via(8) } });
    expect(round.status).toBe(508);
    expect((await problemIn(round)).type).toBe("urn:ninelives:problem:loop");
    expect(seen).toHaveLength(1);
  });

  it("answers 502 when the connection is refused", async () => {
    const told = toldToOwner("warn");
    const { fetch } = await testWorker({
      upstreams: { gone: { url: "http://127.0.0.1:9", policy: "identity" } },
    });
    const response = await fetch("/gateway/gone/");
    expect(response.status).toBe(502);
    const { type, detail } = await problemIn(response);
    expect(type).toBe("urn:ninelives:problem:bad-gateway");
    expect(detail).toBe("gone could not be reached");
    expect(told).toMatchObject([["upstream gone", { message: "Network connection lost." }]]);
  });

  it("answers 504 when a timeout strikes", async () => {
    const { fetch } = await testWorker({
      upstreams: once("timeout(20ms)"),
      origin: () => new Promise<Response>(() => {}),
    });
    const response = await fetch("/gateway/prices/");
    expect(response.status).toBe(504);
    expect((await problemIn(response)).type).toBe("urn:ninelives:problem:timeout");
  });

  it("sends an idempotent request again and returns the last failure as it is", async () => {
    const { fetch, seen } = await testWorker({
      upstreams: once("retry(3, backoff: constant(1ms))"),
      origin: broken,
    });
    const response = await fetch("/gateway/prices/", { method: "DELETE" });
    expect([response.status, await response.text(), seen.length]).toEqual([500, "broken", 3]);
  });

  it.each([
    ["POST", "{}"],
    ["POST", undefined],
    ["PATCH", "{}"],
    ["PUT", "{}"],
  ])("sends %s with the body %s once", async (method, body) => {
    const { fetch, seen } = await testWorker({
      upstreams: once("retry(3, backoff: constant(1ms))"),
      origin: broken,
    });
    expect((await fetch("/gateway/prices/", { method, ...(body !== undefined && { body }) })).status).toBe(
      500,
    );
    expect(seen).toHaveLength(1);
  });

  it("answers 503 with Retry-After while a circuit is open, and calls no origin", async () => {
    const { fetch, seen } = await testWorker({ upstreams: once(open), origin: broken });
    for (let call = 0; call < 2; call++) expect((await fetch("/gateway/prices/")).status).toBe(500);
    const response = await fetch("/gateway/prices/");
    expect(response.status).toBe(503);
    const seconds = Number(response.headers.get("retry-after"));
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(60);
    const body = await problemIn(response);
    expect(body).toMatchObject({ type: "urn:ninelives:problem:circuit-open", policy: "prices" });
    expect(seen).toHaveLength(2);
  });

  it("tells the circuit's home, where other isolates find it", async () => {
    const { fetch, circuit } = await testWorker({ upstreams: once(open), origin: broken });
    await vi.waitFor(
      async () => {
        await fetch("/gateway/prices/");
        expect((await circuit("prices").view())?.state).toBe("open");
      },
      { timeout: 5_000 },
    );
  });

  it("tells the observer of each call", async () => {
    const { fetch, observer } = await testWorker({ upstreams: once("identity") });
    await fetch("/gateway/prices/");
    await vi.waitFor(
      async () => {
        const { policies } = await observer.state();
        expect(policies.map(({ policy, windows }) => [policy, windows["1m"].requests])).toEqual([
          ["prices", 1],
        ]);
      },
      { timeout: 3_000 },
    );
  });

  it("answers a healthy call while no Durable Object does (T14d)", async () => {
    const silent = { getByName: () => new Proxy({}, { get: () => () => new Promise(() => {}) }) };
    const { fetch, seen } = await testWorker({
      upstreams: once("standard + circuitBreaker"),
      env: { CIRCUITS: silent, CONTROL: silent, OBSERVER: silent },
    });
    for (let call = 0; call < 5; call++) expect((await fetch("/gateway/prices/")).status).toBe(200);
    expect(seen).toHaveLength(5);
  });

  it("answers while every Durable Object fails, and says so to its owner", async () => {
    const told = toldToOwner("warn");
    const failing = {
      getByName: () => new Proxy({}, { get: () => () => Promise.reject(new Error("gone")) }),
    };
    const { fetch } = await testWorker({
      upstreams: once("circuitBreaker"),
      env: { CIRCUITS: failing, CONTROL: failing, OBSERVER: failing },
    });
    for (let call = 0; call < 5; call++) expect((await fetch("/gateway/prices/")).status).toBe(200);
    expect(told).toMatchObject([["policy documents could not be followed", { message: "gone" }]]);
  });
});
