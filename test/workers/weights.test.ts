import { type DocumentHistory, inForce, settled } from "ninelives/control";
import { describe, expect, it } from "vitest";
import { Gateway, gatewayOf } from "../../workers/gateway.ts";
import { problemIn, testWorker } from "./test-worker.ts";

const members = [
  { name: "stable", service: "ORIGIN", path: "/stable", weight: 99 },
  { name: "canary", service: "ORIGIN", path: "/canary", weight: 0 },
];
const priorities = { stable: 0, canary: 0 };

async function stage() {
  const worker = await testWorker({
    upstreams: {
      prices: { members, policy: "identity", group: { slowStart: "1s" } },
      alone: { service: "ORIGIN" },
    },
  });
  const { command, fetch, seen } = worker;
  const done = async (name: string, args: object) => {
    const response = await command("admin", name, args);
    expect(response.status).toBe(200);
    return ((await response.json()) as { readonly value: unknown }).value;
  };
  /** The share of calls that the canary gets. */
  const share = async (calls = 100) => {
    seen.splice(0);
    for (let index = 0; index < calls; index++) await fetch("/gateway/prices/");
    return seen.filter(({ url }) => url.includes("/canary")).length / calls;
  };
  return { ...worker, done, share };
}

const set = (weights: unknown, more: object = {}) => ({ upstream: "prices", weights, ...more });

describe("weights", () => {
  it("are turned while requests go on, all the way to a failover and back", async () => {
    const { done, share, env } = await stage();
    const { group } = gatewayOf(env).upstreams.get("prices")?.destination ?? {};
    expect(await done("weight.get", { upstream: "prices" })).toEqual({
      upstream: "prices",
      version: 0,
      weights: { stable: 99, canary: 0 },
      priorities,
    });
    expect(await share()).toBe(0);
    expect(await done("weight.set", set({ canary: 99 }))).toMatchObject({
      version: 1,
      weights: { stable: 99, canary: 99 },
    });
    expect(await share()).toBeGreaterThan(0.1);
    await done("weight.set", set({ stable: 0 }));
    expect(await share()).toBe(1);
    expect(await done("weight.set", set({ stable: null, canary: null }))).toMatchObject({
      weights: { stable: 99, canary: 0 },
    });
    expect(await share()).toBe(0);
    // Nothing was built anew for it: what is known of the members is still known.
    expect(gatewayOf(env).upstreams.get("prices")?.destination.group).toBe(group);
  });

  it("are followed by other isolates", async () => {
    const { done, env, control } = await stage();
    await done("weight.set", set({ canary: 7 }));
    const other = new Gateway(env);
    for (const document of await control.documents()) await other.apply(document);
    const turned = other.upstreams.get("prices")?.destination.weights;
    expect([...(turned ?? [])].map(([name, { value }]) => [name, value])).toEqual([
      ["stable", 99],
      ["canary", 7],
    ]);
  });

  it("tell of a dry run what they would be, and stay", async () => {
    const { done } = await stage();
    expect(await done("weight.set", set({ canary: 5 }, { dryRun: true }))).toMatchObject({
      version: 0,
      weights: { canary: 5 },
    });
    expect(await done("weight.get", { upstream: "prices" })).toMatchObject({ weights: { canary: 0 } });
  });

  it("turn back by themselves, and by policy.rollback, and come back with a snapshot", async () => {
    const { done } = await stage();
    await done("weight.set", set({ canary: 5 }));
    const held = await done("weight.set", set({ canary: 50 }, { expiresIn: "1h", version: 1 }));
    expect(held).toMatchObject({ version: 2, until: expect.any(Number) });
    await done("policy.rollback", { name: "prices/weights", version: 2, to: 1 });
    expect(await done("weight.get", { upstream: "prices" })).toMatchObject({ weights: { canary: 5 } });
    const snapshot = (await done("control.snapshot", {})) as object;
    await done("weight.set", set({ canary: 9 }));
    await done("control.restore", snapshot);
    expect(await done("weight.get", { upstream: "prices" })).toMatchObject({ weights: { canary: 5 } });
  });

  it("that are turned for good while others hold for a while stay turned when those end", async () => {
    const { done, control } = await stage();
    const { until } = (await done("weight.set", set({ canary: 50 }, { expiresIn: "1h" }))) as {
      until: number;
    };
    expect(await done("weight.set", set({ stable: 7 }))).toMatchObject({
      version: 2,
      weights: { stable: 7, canary: 50 },
      until,
    });
    const history = (await control.history("prices/weights")) as unknown as DocumentHistory;
    expect(JSON.parse(inForce(settled(history, until)).text)).toEqual({ stable: 7 });
  });

  it("hold for the other members when one is gone from the configuration", async () => {
    const { done, env, share, command, control } = await stage();
    await done("weight.set", set({ stable: 0, canary: 5 }));
    const old = { name: "old", service: "ORIGIN", path: "/old", weight: 9, priority: 2 };
    const upstreams = { prices: { members: [members[1], old], policy: "identity" } };
    (env as { UPSTREAMS: string }).UPSTREAMS = JSON.stringify(upstreams);
    expect(await share(10)).toBeGreaterThan(0);
    const turned = gatewayOf(env).upstreams.get("prices")?.destination.weights;
    expect([...(turned ?? [])].map(([name, { value }]) => [name, value])).toEqual([
      ["canary", 5],
      ["old", 9],
    ]);
    const held = {
      upstream: "prices",
      version: 1,
      weights: { canary: 5, old: 9 },
      priorities: { canary: 0, old: 2 },
    };
    expect(await done("weight.get", { upstream: "prices" })).toEqual(held);
    expect((await command("admin", "weight.set", set({ stable: 1 }))).status).toBe(422);
    expect(await done("weight.set", set({ old: 0 }))).toEqual({
      ...held,
      version: 2,
      weights: { canary: 5, old: 0 },
    });
    expect((await control.documents()).map(({ text }) => text)).toEqual(['{"canary":5,"old":0}']);
  });

  it("are not listed among the policies", async () => {
    const { done } = await stage();
    await done("weight.set", set({ canary: 5 }));
    const listed = (await done("policy.list", {})) as readonly { readonly name: string }[];
    expect(listed.map(({ name }) => name)).toEqual(["prices", "alone"]);
  });

  it.each<[object, number, string]>([
    [set({ canary: 1_001 }), 422, "canary must be a number from 0 to 1000, but is 1001"],
    [set({ canary: "5" }), 422, 'canary must be a number from 0 to 1000, but is "5"'],
    [set({ cannery: 5 }), 422, 'there is no member "cannery"; there are stable, canary'],
    [set([5]), 422, "weights must be an object"],
    [set({ canary: 5 }, { version: 3 }), 409, "version 3 was expected, but prices/weights has version 0"],
    [{ ...set({}), upstream: "alone" }, 404, "there is no upstream alone with members; there is prices"],
  ])("refuse %j", async (args, status, detail) => {
    const { command, done } = await stage();
    const response = await command("admin", "weight.set", args);
    expect(response.status).toBe(status);
    expect((await problemIn(response)).detail).toContain(detail);
    expect(await done("weight.get", { upstream: "prices" })).toMatchObject({ version: 0 });
  });

  it("are of no upstream where none has members", async () => {
    const { command } = await testWorker({ upstreams: { alone: { service: "ORIGIN" } } });
    const response = await command("admin", "weight.get", { upstream: "alone" });
    expect((await problemIn(response)).detail).toBe(
      "there is no upstream alone with members: none has members",
    );
  });
});
