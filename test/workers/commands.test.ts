import type { AuditEntry, PolicyDocument } from "ninelives/control";
import { describe, expect, it, vi } from "vitest";
import { problemIn, testWorker, toldToOwner } from "./test-worker.ts";

type Worker = Awaited<ReturnType<typeof testWorker>>;

const prices = { prices: { service: "ORIGIN", policy: "retry(1) + circuitBreaker(consecutiveFailures: 2)" } };
const broken = () => new Response("broken", { status: 500 });

const outcomes = async ({ control }: Worker) =>
  (await control.audit(100)).entries.map(({ command, identity, outcome }: AuditEntry) => [
    command,
    identity,
    outcome,
  ]);

/** All that a command might have changed. */
const stateOf = async ({ circuit, control, as }: Worker) => ({
  circuit: await circuit("prices").view(),
  documents: await control.documents(),
  policies: await (await as("admin", "/v1/policies")).json(),
});

describe("commands", () => {
  it("open a circuit: the origin is not called any more, and the answer says so", async () => {
    const worker = await testWorker({ upstreams: prices });
    expect((await worker.fetch("/gateway/prices/")).status).toBe(200);
    const response = await worker.command("admin", "circuit.open", { circuit: "prices" }, "1");
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      id: "1",
      name: "circuit.open",
      value: { circuit: "prices", state: "forced-open" },
    });
    const refused = await worker.fetch("/gateway/prices/");
    expect(refused.status).toBe(503);
    expect(worker.seen).toHaveLength(1);
    expect(await outcomes(worker)).toEqual([
      ["circuit.open", "admin", "done"],
      ["circuit.open", "admin", "requested"],
    ]);
  });

  it.each(["circuit.close", "circuit.reset"])("%s lets calls through again at once", async (name) => {
    const worker = await testWorker({ upstreams: prices });
    await worker.command("admin", "circuit.open", { circuit: "prices" });
    expect((await worker.fetch("/gateway/prices/")).status).toBe(503);
    expect((await worker.command("admin", name, { circuit: "prices" })).status).toBe(200);
    expect((await worker.fetch("/gateway/prices/")).status).toBe(200);
  });

  it.each(["circuit.close", "circuit.reset"])("%s closes a circuit that failures opened", async (name) => {
    let answer = broken;
    const worker = await testWorker({ upstreams: prices, origin: () => answer() });
    for (let call = 0; call < 2; call++) await worker.fetch("/gateway/prices/");
    expect((await worker.fetch("/gateway/prices/")).status).toBe(503);
    answer = () => new Response("fine");
    expect((await worker.command("admin", name, { circuit: "prices" })).status).toBe(200);
    expect((await worker.fetch("/gateway/prices/")).status).toBe(200);
  });

  it("reach the circuit of the standard policy, and each of several", async () => {
    const worker = await testWorker({
      upstreams: { prices: { service: "ORIGIN", policy: "standard + circuitBreaker" } },
    });
    for (const circuit of ["prices", "prices-2"]) {
      expect((await worker.command("admin", "circuit.open", { circuit })).status).toBe(200);
      expect((await worker.fetch("/gateway/prices/")).status).toBe(503);
      await worker.command("admin", "circuit.close", { circuit });
      expect((await worker.fetch("/gateway/prices/")).status).toBe(200);
    }
  });

  it("tell the observer, so that the dashboard sees it", async () => {
    const { command, observer } = await testWorker({ upstreams: prices });
    await command("admin", "circuit.open", { circuit: "prices" });
    const { policies } = await observer.state();
    expect(policies).toMatchObject([
      { circuits: [{ circuit: "prices", state: "forced-open", reason: "forced" }] },
    ]);
  });

  it("change a policy at once", async () => {
    const worker = await testWorker({ upstreams: prices, origin: broken });
    const text = "retry(3, backoff: constant(1ms)) + circuitBreaker(consecutiveFailures: 100)";
    const response = await worker.command("admin", "policy.set", { name: "prices", text, version: 0 });
    expect(await response.json()).toMatchObject({
      value: { name: "prices", text, version: 1, updatedBy: "admin" },
    });
    await worker.fetch("/gateway/prices/");
    expect(worker.seen).toHaveLength(3);
    const list = await (await worker.command("admin", "policy.list")).json<{ value: PolicyDocument[] }>();
    expect(list.value).toMatchObject([{ name: "prices", text, version: 1 }]);
    const one = await (await worker.command("admin", "policy.get", { name: "prices" })).json();
    expect(one).toMatchObject({ value: { text, version: 1 } });
  });

  it("that change a policy keep its circuit's own state (T16)", async () => {
    const worker = await testWorker({ upstreams: prices, origin: broken });
    for (let call = 0; call < 2; call++) await worker.fetch("/gateway/prices/");
    expect((await worker.fetch("/gateway/prices/")).status).toBe(503);
    const text = "timeout(5s) + circuitBreaker(consecutiveFailures: 2)";
    expect((await worker.command("admin", "policy.set", { name: "prices", text, version: 0 })).status).toBe(
      200,
    );
    expect((await worker.fetch("/gateway/prices/")).status).toBe(503);
    expect(worker.seen).toHaveLength(2);
  });

  it("that change a policy keep the state of the fleet's circuit (T16)", async () => {
    const worker = await testWorker({ upstreams: prices });
    await worker.command("admin", "circuit.open", { circuit: "prices" });
    const text = "timeout(5s) + circuitBreaker(consecutiveFailures: 2)";
    expect((await worker.command("admin", "policy.set", { name: "prices", text, version: 0 })).status).toBe(
      200,
    );
    expect((await worker.fetch("/gateway/prices/")).status).toBe(503);
    expect(worker.seen).toHaveLength(0);
  });

  it("that another isolate did come into force here after a while", { timeout: 10_000 }, async () => {
    const worker = await testWorker({ upstreams: prices, origin: broken });
    await worker.fetch("/gateway/prices/");
    await worker.control.setDocument("prices", "retry(2, backoff: constant(1ms))", 0, "elsewhere");
    await vi.waitFor(
      async () => {
        const before = worker.seen.length;
        await worker.fetch("/gateway/prices/");
        expect(worker.seen.length - before).toBe(2);
      },
      { timeout: 5_000, interval: 200 },
    );
  });

  it("of the same id are done once", async () => {
    const worker = await testWorker({ upstreams: prices });
    const args = { name: "prices", text: "retry(2)", version: 0 };
    const first = await worker.command("admin", "policy.set", args, "same");
    const again = await worker.command("admin", "policy.set", args, "same");
    expect([first.status, again.status]).toEqual([200, 200]);
    expect(await again.json()).toEqual(await first.json());
    expect(await worker.control.documents()).toMatchObject([{ version: 1 }]);
  });

  const set = { name: "prices", text: "retry(2)", version: 0 };
  const open = { circuit: "prices" };

  it.each<[string, string, object, Record<string, string>, number, string]>([
    ["no token", "circuit.open", open, {}, 401, "unauthenticated"],
    ["an empty token", "circuit.open", open, { authorization: "Bearer " }, 401, "unauthenticated"],
    ["a wrong token", "circuit.open", open, { authorization: "Bearer wrong" }, 401, "unauthenticated"],
    [
      "a token in another scheme",
      "circuit.open",
      open,
      { authorization: "Basic admin-token" },
      401,
      "unauthenticated",
    ],
    ["no token, and a wrong name", "circuit.explode", open, {}, 401, "unauthenticated"],
    ["another scope", "policy.set", set, { authorization: "Bearer opener-token" }, 403, "forbidden"],
    ["the scope read", "circuit.open", open, { authorization: "Bearer viewer-token" }, 403, "forbidden"],
    ["a wrong name", "circuit.explode", open, {}, 404, "unknown-command"],
    ["a name that every object has", "constructor", open, {}, 404, "unknown-command"],
    ["an unknown circuit", "circuit.open", { circuit: "nobody" }, {}, 404, "not-found"],
    ["an unknown policy", "policy.set", { ...set, name: "nobody" }, {}, 404, "not-found"],
    ["an unknown policy to look at", "policy.get", { name: "nobody" }, {}, 404, "not-found"],
    ["no circuit", "circuit.open", {}, {}, 422, "invalid-arguments"],
    ["a circuit that is no text", "circuit.open", { circuit: 5 }, {}, 422, "invalid-arguments"],
    ["no text", "policy.set", { ...set, text: undefined }, {}, 422, "invalid-arguments"],
    ["a text that does not parse", "policy.set", { ...set, text: "retry(" }, {}, 422, "invalid-arguments"],
    ["a text of an unknown policy", "policy.set", { ...set, text: "pray(3)" }, {}, 422, "invalid-arguments"],
    ["a text with a bad value", "policy.set", { ...set, text: "retry(0)" }, {}, 422, "invalid-arguments"],
    [
      "a text that is half good",
      "policy.set",
      { ...set, text: "circuitBreaker + retry(0)" },
      {},
      422,
      "invalid-arguments",
    ],
    [
      "a text that names a circuit",
      "policy.set",
      { ...set, text: 'circuitBreaker(name: "mine")' },
      {},
      422,
      "invalid-arguments",
    ],
    [
      "an option without its name",
      "policy.set",
      { ...set, text: "circuitBreaker(5)" },
      {},
      422,
      "invalid-arguments",
    ],
    ["no version", "policy.set", { ...set, version: undefined }, {}, 422, "invalid-arguments"],
    ["half a version", "policy.set", { ...set, version: 0.5 }, {}, 422, "invalid-arguments"],
    ["a version that is past", "policy.set", { ...set, version: 7 }, {}, 409, "conflict"],
  ])("with %s change nothing and are written down", async (what, name, args, headers, status, type) => {
    const worker = await testWorker({ upstreams: prices });
    const before = await stateOf(worker);
    const denied = what.includes("token") || "authorization" in headers;
    const response = await worker.fetch("/v1/commands", {
      method: "POST",
      body: JSON.stringify({ id: "1", name, args }),
      headers: denied ? headers : { authorization: "Bearer admin-token" },
    });
    expect(response.status).toBe(status);
    expect(response.headers.get("www-authenticate")).toBe(status === 401 ? "Bearer" : null);
    expect((await problemIn(response)).type).toBe(`urn:ninelives:problem:${type}`);
    expect(await stateOf(worker)).toEqual(before);
    const [last, first] = await outcomes(worker);
    expect(first).toEqual([name, expect.any(String), "requested"]);
    expect(last).toEqual([name, expect.any(String), status === 401 || status === 403 ? "denied" : "failed"]);
    expect((await worker.fetch("/gateway/prices/")).status).toBe(200);
  });

  it.each<[string, string, number, string]>([
    ["that are no JSON", "{", 400, "bad-json"],
    ["that are no object", "[]", 422, "invalid-arguments"],
    ["without an id", JSON.stringify({ name: "circuit.open", args: open }), 422, "invalid-arguments"],
    ["without a name", JSON.stringify({ id: "1", args: open }), 422, "invalid-arguments"],
    [
      "that are too large",
      JSON.stringify({ id: "1", name: "x", args: { a: "x".repeat(70_000) } }),
      413,
      "command-too-large",
    ],
  ])("%s are refused", async (_, body, status, type) => {
    const worker = await testWorker({ upstreams: prices });
    const response = await worker.as("admin", "/v1/commands", { method: "POST", body });
    expect(response.status).toBe(status);
    expect((await problemIn(response)).type).toBe(`urn:ninelives:problem:${type}`);
    expect(await outcomes(worker)).toEqual([]);
  });

  it("are done by nobody where no token is configured", async () => {
    for (const TOKENS of [undefined, "", "[]"]) {
      const { command } = await testWorker({ upstreams: prices, env: { TOKENS } });
      expect((await command("admin", "circuit.open", open)).status).toBe(401);
    }
  });

  it("are done by nobody where the tokens are configured wrongly, and nothing of them is told", async () => {
    const told = toldToOwner();
    const hash = "a".repeat(64);
    const { command } = await testWorker({ upstreams: prices, env: { TOKENS: `[{"sha256":"${hash}"` } });
    const response = await command("admin", "circuit.open", open);
    expect(response.status).toBe(500);
    expect(JSON.stringify(await problemIn(response))).not.toContain("aaaa");
    expect(told).toMatchObject([[{ message: "TOKENS is no JSON" }]]);
  });

  it("answer to POST alone", async () => {
    const { as } = await testWorker({ upstreams: prices });
    expect((await as("admin", "/v1/commands")).status).toBe(404);
  });

  it("that cannot be written down are not done", async () => {
    const told = toldToOwner();
    const failing = { append: () => Promise.reject(new Error("disk full")), result: async () => undefined };
    const { command, circuit } = await testWorker({
      upstreams: prices,
      env: { CONTROL: { getByName: () => failing } },
    });
    expect((await command("admin", "circuit.open", open)).status).toBe(500);
    expect(await circuit("prices").view()).toBeUndefined();
    expect(told).toMatchObject([[{ message: "disk full" }]]);
  });
});
