import { sha256 } from "ninelives/control";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { paced } from "../../workers/middleware/pace.ts";
import { report } from "../contracts/store.ts";
import { problemIn, testWorker, toldToOwner } from "./test-worker.ts";

/** A binding whose objects take every call and answer none. */
const silent = {
  getByName: () =>
    new Proxy({}, { get: (_, method) => (method === "then" ? undefined : () => new Promise(() => {})) }),
};

describe("a home that is silent", () => {
  it.each<[string, string, string, RequestInit?]>([
    ["CONTROL", "a command", "/v1/commands/policy.list", { method: "POST", body: "{}" }],
    ["CONTROL", "the policies", "/v1/policies"],
    ["CONTROL", "following them", "/v1/policies", { headers: { upgrade: "websocket" } }],
    ["CONTROL", "the parameters", "/v1/parameters"],
    ["CONTROL", "the audit log", "/v1/audit"],
    [
      "CIRCUITS",
      "a circuit's command",
      "/v1/commands/circuit.open",
      { method: "POST", body: '{"circuit":"prices"}' },
    ],
    ["CIRCUITS", "the state", "/v1/commands/state", { method: "POST", body: "{}" }],
    ["CIRCUITS", "a report", "/v1/shared/prices", { method: "POST", body: JSON.stringify(report()) }],
    ["OBSERVER", "the state", "/v1/state"],
    ["OBSERVER", "metrics", "/metrics"],
    ["OBSERVER", "following what it sees", "/v1/live", { headers: { upgrade: "websocket" } }],
    ["REGISTRY", "who is registered", "/v1/registry/prices"],
    ["REGISTRY", "a heartbeat", "/v1/registry/prices/a", { method: "PUT", body: '{"url":"https://a.test"}' }],
  ])("%s: %s gets a 504 after 5 s", async (binding, _, path, init) => {
    toldToOwner();
    const worker = await testWorker({
      upstreams: { prices: { service: "ORIGIN", policy: "circuitBreaker" } },
      env: { [binding]: silent },
    });
    const waited = soonAfter(5_000);
    const problem = await problemIn(await worker.as("admin", path, init));
    expect([problem.status, problem.type]).toEqual([504, "urn:ninelives:problem:timeout"]);
    expect(waited()).toBeGreaterThan(0);
  });
});

/**
 * Lets whoever waits for so many milliseconds wait for a moment, and counts them. The timers are the platform's: false ones
 * of an object that shares the isolate would run outside of it.
 */
function soonAfter(ms: number): () => number {
  const { setTimeout } = globalThis;
  let count = 0;
  vi.stubGlobal("setTimeout", (run: () => void, after: number) => {
    if (after === ms) count++;
    return setTimeout(run, after === ms ? 10 : after);
  });
  onTestFinished(() => void vi.unstubAllGlobals());
  return () => count;
}

describe("a token that writes more than an object can take", () => {
  it("is told when to come back, and others are not", async () => {
    const record = async (name: string) => ({
      name,
      sha256: await sha256(`${name}-token`),
      scopes: ["share.*", "register.*"],
    });
    const { env, fetch } = await testWorker({
      env: { TOKENS: JSON.stringify([await record("mad"), await record("calm")]) },
    });
    const as = (name: string, path: string, method: string, body: string) =>
      fetch(path, { method, body, headers: { authorization: `Bearer ${name}-token` } });
    const heartbeat = (name: string) => as(name, "/v1/registry/prices/a", "PUT", '{"url":"https://a.test"}');
    const share = (name: string) => as(name, "/v1/shared/prices", "POST", JSON.stringify(report()));
    const mad = { name: "mad", scopes: [] };
    // No time goes by in which it could write again.
    vi.useFakeTimers({ toFake: ["performance"] });
    onTestFinished(() => void vi.useRealTimers());
    let written = 0;
    const flood = async () => {
      for (;;) await paced(env, mad, async () => ++written);
    };
    await expect(flood()).rejects.toMatchObject({ kind: "rate-limited" });
    expect(written).toBe(1_000);
    for (const send of [heartbeat, share]) {
      const refused = await send("mad");
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
      expect((await problemIn(refused)).type).toBe("urn:ninelives:problem:rate-limited");
      expect((await send("calm")).status).toBe(200);
    }
  });
});
