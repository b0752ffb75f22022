import { describe, expect, it, vi } from "vitest";
import { problemIn, type TestWorkerOptions, testWorker } from "./test-worker.ts";

const open = "circuitBreaker(consecutiveFailures: 1, openFor: 60s)";
const again = "retry(3, backoff: constant(1ms))";

/** One upstream whose searches are tried thrice, and whose orders have a circuit. */
const routed = (options: TestWorkerOptions = {}) =>
  testWorker({
    upstreams: {
      prices: {
        service: "ORIGIN",
        path: "/v2",
        policy: "identity",
        routes: [
          { name: "search", path: "/search", methods: ["GET"], policy: again },
          { name: "orders", path: "/users/*/orders", policy: open },
        ],
      },
    },
    origin: () => new Response("broken", { status: 500 }),
    ...options,
  });

describe("routes of a gateway's upstream", () => {
  it.each([
    ["/search", "GET", 3],
    ["/search/all?q=1", "GET", 3],
    ["/se%61rch", "GET", 3],
    ["/x/../search", "GET", 3],
    ["/search", "DELETE", 1],
    ["/searches", "GET", 1],
    ["/", "GET", 1],
  ])("have the policy of the first that fits: %s %s is sent %i times", async (path, method, times) => {
    const { fetch, seen } = await routed();
    const response = await fetch(`/gateway/prices${path}`, { method });
    expect([response.status, response.headers.get("x-ninelives-attempts")]).toEqual([500, String(times)]);
    expect(seen).toHaveLength(times);
  });

  it("have circuits of their own, which open for them alone and are commanded by their own names", async () => {
    const { fetch, command } = await routed();
    const ask = async (path: string) => (await fetch(`/gateway/prices${path}`)).status;
    expect([await ask("/users/1/orders"), await ask("/users/2/orders")]).toEqual([500, 503]);
    expect([await ask("/users/1"), await ask("/search")]).toEqual([500, 500]);
    const refused = await fetch("/gateway/prices/users/1/orders");
    expect(await problemIn(refused)).toMatchObject({ type: "urn:ninelives:problem:circuit-open" });
    expect((await command("admin", "circuit.reset", { circuit: "prices.orders" })).status).toBe(200);
    const { value } = await (await command("admin", "state", { name: "prices.orders" })).json<{
      value: unknown;
    }>();
    expect(value).toMatchObject([{ policy: "prices.orders", circuit: "prices.orders", state: "closed" }]);
  });

  it("go by documents of their own, which change while it runs", async () => {
    const { fetch, command, seen } = await routed();
    const text = "retry(2, backoff: constant(1ms))";
    const bad = await command("admin", "policy.set", { name: "prices.search", version: 0, text: "retry(" });
    expect(bad.status).toBe(422);
    expect((await command("admin", "policy.set", { name: "prices.search", version: 0, text })).status).toBe(
      200,
    );
    await fetch("/gateway/prices/search");
    expect(seen).toHaveLength(2);
    const write = { path: "prices.search/retry.attempts", value: 4 };
    expect((await command("admin", "parameter.write", write)).status).toBe(200);
    await fetch("/gateway/prices/search");
    expect(seen).toHaveLength(6);
    // The upstream's own policy is as it was.
    await fetch("/gateway/prices/other");
    expect(seen).toHaveLength(7);
  });

  it("are told apart in lists and in what is observed, and are no upstreams", async () => {
    const { fetch, as, command } = await routed({ origin: () => new Response("fine") });
    await fetch("/gateway/prices/search");
    await fetch("/gateway/prices/other");
    const list = await (await command("admin", "policy.list")).json<{ value: { name: string }[] }>();
    expect(list.value.map(({ name }) => name)).toEqual(["prices", "prices.search", "prices.orders"]);
    const health = await (await command("admin", "health")).json<{ value: { upstreams: string[] } }>();
    expect(health.value.upstreams).toEqual(["prices"]);
    await vi.waitFor(
      async () => {
        const state = await (await as("viewer", "/v1/state")).json<{ policies: { policy: string }[] }>();
        expect(state.policies.map(({ policy }) => policy).sort()).toEqual(["prices", "prices.search"]);
      },
      { timeout: 10_000 },
    );
    expect((await fetch("/gateway/prices.search/a")).status).toBe(404);
  });

  it("share the replicas of their upstream, whose health is one", async () => {
    const { fetch, seen } = await testWorker({
      upstreams: {
        prices: {
          members: [{ name: "eu", service: "ORIGIN" }],
          policy: "identity",
          routes: [{ name: "search", path: "/search", policy: again }],
        },
      },
      origin: () => new Response("fine"),
    });
    const response = await fetch("/gateway/prices/search");
    expect([response.headers.get("x-ninelives-member"), seen.length]).toEqual(["eu", 1]);
  });
});
