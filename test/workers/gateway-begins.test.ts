import { describe, expect, it } from "vitest";
import { Gateway, gatewayOf } from "../../workers/gateway.ts";
import { type TestWorkerOptions, testWorker, toldToOwner } from "./test-worker.ts";

/** Two isolates of one Worker: each with its own configuration's text, so that its gateway is its own. */
async function isolates(options: TestWorkerOptions = {}) {
  const first = await testWorker(options);
  const done = async (name: string, args: object) => {
    const response = await first.command("admin", name, args);
    expect([response.status, name]).toEqual([200, name]);
    return ((await response.json()) as { readonly value: unknown }).value;
  };
  /** What a new isolate knows. */
  const renew = () => {
    (first.env as { UPSTREAMS: string }).UPSTREAMS += "\n";
    return gatewayOf(first.env);
  };
  return { ...first, done, renew };
}

describe("a gateway that begins", () => {
  it("goes by the documents that hold from its first request on", async () => {
    const members = [
      { name: "a", service: "ORIGIN", path: "/a" },
      { name: "b", service: "ORIGIN", path: "/b" },
    ];
    const { done, renew, fetch, seen } = await isolates({
      upstreams: {
        prices: { members, policy: "identity" },
        stock: { service: "ORIGIN", policy: "standard" },
      },
    });
    await done("weight.set", { upstream: "prices", weights: { a: 0 } });
    await done("policy.set", { name: "stock", version: 0, text: "circuitBreaker" });
    await done("circuit.open", { circuit: "stock" });
    renew();
    seen.splice(0);
    const statuses = await Promise.all(
      Array.from({ length: 10 }, async () => (await fetch("/gateway/prices/")).status),
    );
    expect(statuses).toEqual(Array(10).fill(200));
    expect(seen.map(({ url }) => new URL(url).pathname)).toEqual(Array(10).fill("/b"));
    expect((await fetch("/gateway/stock/")).status).toBe(503);
    expect(seen).toHaveLength(10);
  });

  it("does not wait for a control plane that is silent, nor ask it at each request", async () => {
    let asked = 0;
    const silent = () => {
      asked++;
      return new Promise(() => {});
    };
    const { fetch, env } = await testWorker({
      env: { CONTROL: { getByName: () => ({ documents: silent }) } },
    });
    expect(gatewayOf(env).begun).toBe(false);
    for (let call = 0; call < 5; call++) expect((await fetch("/gateway/prices/")).status).toBe(200);
    expect(gatewayOf(env).begun).toBe(true);
    expect(asked).toBe(1);
  });

  it("goes by its configuration where the control plane is down, and says so", async () => {
    const told = toldToOwner("warn");
    const down = { documents: () => Promise.reject(new Error("down")) };
    const { fetch } = await testWorker({ env: { CONTROL: { getByName: () => down } } });
    expect((await fetch("/gateway/prices/")).status).toBe(200);
    expect(told.some(([text]) => text === "policy documents could not be followed")).toBe(true);
  });
});

describe("an isolate that has had no request", () => {
  it("knows the circuits, limits and routes that documents brought", async () => {
    const { done, renew } = await isolates();
    await done("policy.set", { name: "prices", version: 0, text: "rateLimit(5) + circuitBreaker" });
    await done("circuit.open", { circuit: "prices" });
    renew();
    expect(await done("state", {})).toMatchObject([{ circuit: "prices", state: "forced-open" }]);
    renew();
    expect(await done("limiter.reset", { limiter: "prices" })).toEqual({ limiter: "prices" });
    renew();
    expect(await done("control.snapshot", {})).toMatchObject({ circuits: ["prices"] });
    renew();
    expect(await done("circuit.close", { circuit: "prices" })).toMatchObject({ state: "closed" });
    const routes = [{ name: "search", path: "/search", policy: "retry(2)" }];
    await done("upstream.set", { upstream: "prices", settings: { routes } });
    renew();
    expect(await done("policy.get", { name: "prices.search" })).toMatchObject({ text: "retry(2)" });
  });

  it("reads them over HTTP, too", async () => {
    const { done, renew, as } = await isolates();
    const routes = [{ name: "search", path: "/search", policy: "retry(2)" }];
    await done("upstream.set", { upstream: "prices", settings: { routes } });
    const named = async (path: string) => {
      renew();
      return await (await as("admin", path)).text();
    };
    expect(await named("/v1/policies")).toContain('"name":"prices.search"');
    expect(await named("/v1/parameters")).toContain('"path":"prices.search/retry.attempts"');
  });

  it("catches up by itself", async () => {
    const { done, env } = await isolates();
    await done("policy.set", { name: "prices", version: 0, text: "retry(7)" });
    const gateway = new Gateway(env);
    await gateway.catchUp();
    expect([gateway.begun, gateway.routes.get("prices")?.policy.text]).toEqual([true, "retry(7)"]);
  });
});
