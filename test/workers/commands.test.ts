import { runInDurableObject } from "cloudflare:test";
import type { AuditEntry, ParameterState, PolicyDocument } from "ninelives/control";
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
    for (const circuit of ["prices", "prices.2"]) {
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

  it("change a policy for a while, and take that back by themselves", { timeout: 10_000 }, async () => {
    const worker = await testWorker({ upstreams: prices, origin: broken });
    const args = { name: "prices", text: "retry(2, backoff: constant(1ms))", version: 0, expiresIn: "1s" };
    const { value } = await (await worker.command("admin", "policy.set", args)).json<{
      value: PolicyDocument;
    }>();
    expect(value).toMatchObject({ version: 1, until: expect.any(Number) });
    await worker.fetch("/gateway/prices/");
    expect(worker.seen).toHaveLength(2);
    await vi.waitFor(
      async () =>
        expect(await worker.control.documents()).toMatchObject([{ version: 2, text: prices.prices.policy }]),
      { timeout: 5_000, interval: 100 },
    );
    // Who reads may be faster than the alarm.
    const alarm = () => runInDurableObject(worker.control, (_, state) => state.storage.getAlarm());
    await vi.waitFor(async () => expect(await alarm()).toBeNull(), { timeout: 5_000 });
    await vi.waitFor(
      async () => {
        const before = worker.seen.length;
        expect((await worker.fetch("/gateway/prices/")).status).toBeGreaterThanOrEqual(500);
        expect(worker.seen.length - before).toBeLessThan(2);
      },
      { timeout: 5_000, interval: 200 },
    );
  });

  it("roll back to a version that is kept, list them, and tell what changed between two", async () => {
    const worker = await testWorker({ upstreams: prices });
    const send = async (name: string, args: object) => (await worker.command("admin", name, args)).json();
    await send("policy.set", { name: "prices", text: "retry(2)", version: 0 });
    await send("policy.set", { name: "prices", text: "retry(3) + timeout(1s)", version: 1 });
    expect(await send("policy.rollback", { name: "prices", to: 1, version: 2, dryRun: true })).toMatchObject({
      value: {
        applies: true,
        changes: [{ path: "structure" }, { path: "retry.attempts" }, { path: "timeout.after" }],
      },
    });
    expect(await send("policy.rollback", { name: "prices", to: 1, version: 2 })).toMatchObject({
      value: { text: "retry(2)", version: 3 },
    });
    expect(await send("policy.rollback", { name: "prices", to: 0, version: 3 })).toMatchObject({
      value: { text: prices.prices.policy, version: 4 },
    });
    expect(await send("policy.rollback", { name: "prices", to: 9, version: 4 })).toMatchObject({
      status: 404,
      detail: "prices has no version 9; there are 0 to 4",
    });
    expect(await send("policy.history", { name: "prices" })).toMatchObject({
      value: [{ version: 4 }, { version: 3 }, { version: 2 }, { version: 1 }, { version: 0 }],
    });
    expect(await send("policy.diff", { name: "prices", from: 1, to: 2 })).toMatchObject({
      value: {
        changes: [
          { path: "structure", before: "retry", after: "retry + timeout" },
          { path: "retry.attempts", before: "2", after: "3" },
          { path: "timeout.after", before: null, after: "1s" },
        ],
      },
    });
  });

  it("tell by a dry run what would change, and where a text is wrong, and change nothing", async () => {
    const worker = await testWorker({ upstreams: prices });
    const before = await stateOf(worker);
    const dry = async (text: string, version = 0) =>
      (await worker.command("admin", "policy.set", { name: "prices", text, version, dryRun: true })).json();
    const text = "retry(4) + circuitBreaker(consecutiveFailures: 2)";
    expect(await dry(text)).toMatchObject({
      value: {
        dryRun: true,
        applies: true,
        version: 0,
        changes: [{ path: "retry.attempts", before: "1", after: "4" }],
        errors: [],
      },
    });
    expect(await dry(text, 3)).toMatchObject({
      value: { applies: false, errors: [{ message: "version 3 was expected, but prices has version 0" }] },
    });
    expect(await dry("retry(2) +\n pray(3)")).toMatchObject({
      value: { applies: false, changes: [], errors: [{ line: 2, column: 2 }] },
    });
    expect(await stateOf(worker)).toEqual(before);
  });

  it("say where a text is wrong, and which version a conflict found, for programs too", async () => {
    const worker = await testWorker({ upstreams: prices });
    const problemOf = async (args: object) =>
      problemIn(await worker.command("admin", "policy.set", { name: "prices", version: 0, ...args }));
    expect(await problemOf({ text: "retry(0)" })).toMatchObject({ status: 422, line: 1, column: 1 });
    expect(await problemOf({ text: "retry(2)", version: 4 })).toMatchObject({ expected: 4, found: 0 });
    expect(await problemOf({})).toMatchObject({ detail: "text must be given, or tree, and not both" });
  });

  it("take a policy as the tree that they give it as", async () => {
    const worker = await testWorker({ upstreams: prices });
    const get = async () =>
      (
        await (
          await worker.command("admin", "policy.get", { name: "prices" })
        ).json<{ value: { tree: object } }>()
      ).value;
    const { tree } = await get();
    await worker.command("admin", "policy.set", { name: "prices", text: "retry(2)", version: 0 });
    const response = await worker.command("admin", "policy.set", { name: "prices", tree, version: 1 });
    expect(await response.json()).toMatchObject({ value: { text: prices.prices.policy, version: 2 } });
    expect((await get()).tree).toEqual(tree);
  });

  it("read and write single values by their paths", async () => {
    const worker = await testWorker({ upstreams: prices, origin: broken });
    const send = async (name: string, args: object) => (await worker.command("admin", name, args)).json();
    const listed = (await send("parameter.list", {})) as { readonly value: readonly ParameterState[] };
    expect(listed.value.filter(({ given }) => given)).toEqual([
      {
        path: "prices/retry.attempts",
        value: "1",
        given: true,
        default: "3",
        kind: "whole",
        minimum: 1,
        unit: "calls",
        version: 0,
      },
      {
        path: "prices/circuitBreaker.consecutiveFailures",
        value: "2",
        given: true,
        default: null,
        kind: "whole",
        minimum: 1,
        unit: "calls",
        version: 0,
      },
    ]);
    const read = await worker.as("admin", "/v1/parameters");
    expect(await read.json()).toEqual({ parameters: listed.value });
    const again = { headers: { "if-none-match": read.headers.get("etag") ?? "" } };
    expect((await worker.as("admin", "/v1/parameters", again)).status).toBe(304);
    expect((await worker.fetch("/v1/parameters")).status).toBe(401);
    expect(
      await send("parameter.write", { path: "prices/circuitBreaker.consecutiveFailures", value: 50 }),
    ).toMatchObject({
      value: { version: 1 },
    });
    await send("parameter.write", { path: "prices/retry.backoff", value: "constant(1ms)", version: 1 });
    await send("parameter.write", { path: "prices/retry.attempts", value: 3 });
    expect(await send("parameter.read", { path: "prices/retry.attempts" })).toMatchObject({
      value: { path: "prices/retry.attempts", value: "3", version: 3 },
    });
    await worker.fetch("/gateway/prices/");
    expect(worker.seen).toHaveLength(3);
    expect(await send("parameter.write", { path: "prices/retry.attempts", value: 0 })).toMatchObject({
      status: 422,
    });
    expect(await send("parameter.write", { path: "prices/hedge.after", value: 0 })).toMatchObject({
      status: 404,
    });
    expect(await send("parameter.read", { path: "prices/retry.jitter" })).toMatchObject({
      value: { value: '"full"', given: false, version: 3 },
    });
    expect(await send("parameter.read", { path: "prices/hedge.after" })).toMatchObject({ status: 404 });
    await send("parameter.write", { path: "prices/retry.backoff", value: "exponential(1ms)" });
    await send("parameter.write", { path: "prices/retry.backoff.factor", value: 1 });
    expect(await send("parameter.write", { path: "prices/retry.jitter", value: "none" })).toMatchObject({
      value: {
        text: 'retry(3, backoff: exponential(1ms, factor: 1), jitter: "none") + circuitBreaker(consecutiveFailures: 50)',
      },
    });
    expect(await send("parameter.read", { path: "retry" })).toMatchObject({ status: 422 });
  });

  it("take the whole control plane out as a file and put it back, known to all who follow", async () => {
    const worker = await testWorker({
      upstreams: { ...prices, stock: { service: "ORIGIN", policy: "retry(1)" } },
    });
    const send = async (name: string, args: object = {}) =>
      (await worker.command("admin", name, args)).json<{ value: { documents: object[][] } }>();
    await send("policy.set", { name: "prices", text: "retry(2)", version: 0 });
    const { value: file } = await send("control.snapshot");
    await send("policy.set", { name: "prices", text: "retry(7)", version: 1 });
    await send("policy.set", { name: "stock", text: "retry(8)", version: 0 });
    expect(await send("control.restore", file)).toMatchObject({ value: { restored: 2 } });
    expect(await worker.control.documents()).toMatchObject([
      { name: "prices", text: "retry(2)", version: 3 },
      { name: "stock", text: "retry(1)", version: 2 },
    ]);
    const circuit = async () => (await worker.circuit("prices").view())?.state ?? "closed";
    await send("circuit.open", { circuit: "prices" });
    const { value: held } = await send("control.snapshot");
    expect(held).toMatchObject({ circuits: ["prices"] });
    await send("control.restore", file);
    expect(await circuit()).toBe("closed");
    await send("control.restore", { ...held, circuits: ["prices", "gone"] });
    expect(await circuit()).toBe("forced-open");
    await send("control.restore", { format: 1, documents: file.documents });
    expect(await circuit()).toBe("forced-open");
    const version = (await worker.control.documents())[0]?.version;
    const bad = { ...file, documents: [[{ ...file.documents[0]?.[0], text: "retry(0)" }]] };
    expect(await send("control.restore", bad)).toMatchObject({ status: 422 });
    expect(await send("control.restore", { ...file, documents: [[]] })).toMatchObject({ status: 422 });
    expect((await worker.control.documents())[0]?.version).toBe(version);
  });

  it("tell health, and the state of circuits", async () => {
    const worker = await testWorker({ upstreams: prices });
    await worker.command("admin", "circuit.isolate", { circuit: "prices" });
    expect(await (await worker.command("viewer", "state")).json()).toMatchObject({
      value: [{ policy: "prices", circuit: "prices", state: "forced-open" }],
    });
    expect(await (await worker.command("viewer", "health")).json()).toMatchObject({
      value: { status: "ok", upstreams: ["prices"] },
    });
    expect((await worker.command("viewer", "state", { name: "nobody" })).status).toBe(404);
  });

  it("have policies that one can follow by asking whether they have changed", async () => {
    const worker = await testWorker({ upstreams: prices });
    const first = await worker.as("viewer", "/v1/policies");
    const etag = first.headers.get("etag") ?? "";
    const ask = () =>
      worker.as("viewer", "/v1/policies", { headers: { "if-none-match": `"other", W/${etag}` } });
    const same = await ask();
    expect([same.status, await same.text(), same.headers.get("etag")]).toEqual([304, "", etag]);
    await worker.command("admin", "policy.set", { name: "prices", text: "retry(2)", version: 0 });
    expect((await ask()).status).toBe(200);
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
    [
      "an answer that would be no Response",
      "policy.set",
      { ...set, text: 'retry(2) | answer("x")' },
      {},
      422,
      "invalid-arguments",
    ],
    [
      "an override for a million years",
      "policy.set",
      { ...set, expiresIn: "9000000000h" },
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
    const once = status === 401 || name === "policy.get";
    expect(first).toEqual(once ? undefined : [name, expect.any(String), "requested"]);
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
    for (const path of ["/v1/commands", "/v1/commands/policy.list"]) {
      for (const method of ["GET", "PUT", "DELETE"]) {
        const response = await as("admin", path, { method });
        expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
        expect((await problemIn(response)).type).toBe("urn:ninelives:problem:method-not-allowed");
      }
    }
    const response = await as("admin", "/v1/policies", { method: "DELETE" });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  it("that cannot be written down are not done", async () => {
    const told = toldToOwner();
    const failing = {
      append: () => Promise.reject(new Error("disk full")),
      poll: async () => ({ revision: 0, nextIn: 2_000, documents: [] }),
    };
    const { command, circuit } = await testWorker({
      upstreams: prices,
      env: { CONTROL: { getByName: () => failing } },
    });
    expect((await command("admin", "circuit.open", open)).status).toBe(500);
    expect(await circuit("prices").view()).toBeUndefined();
    expect(told).toMatchObject([[{ message: "disk full" }]]);
  });
});
