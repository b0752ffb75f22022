import { runInDurableObject } from "cloudflare:test";
import { circuitBreaker, compose, environment } from "ninelives";
import { followPath } from "ninelives/stores/durable-object";
import { followerStore } from "ninelives/stores/follower";
import { describe, expect, it } from "vitest";
import { report } from "../contracts/store.ts";
import { post, sharedWorker, token, upgrade } from "./following.ts";
import { problemIn } from "./test-worker.ts";

describe("/v1/shared", () => {
  it("takes a report by POST and answers with the view, which any page's script may read", async () => {
    const worker = await sharedWorker();
    const answer = await post(worker, "shop/prices", report());
    expect(answer.status).toBe(200);
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect(await answer.json()).toMatchObject({ state: "closed", epoch: 1 });
    // It is the circuit that the Worker's own isolates know by that name.
    expect(await worker.circuit("shop/prices").view()).toMatchObject({ state: "closed" });
  });

  it("answers a page's preflight, without a token", async () => {
    const worker = await sharedWorker();
    const answer = await worker.fetch(followPath("shop/prices"), {
      method: "OPTIONS",
      headers: { origin: "https://shop.test", "access-control-request-method": "POST" },
    });
    expect(answer.status).toBe(204);
    expect(answer.headers.get("access-control-allow-headers")).toContain("authorization");
  });

  it.each([
    ["nobody", "shop/prices", "", 401],
    ["a stranger", "shop/prices", "a-strangers", 401],
    ["another tenant's name", "bank/prices", token, 403],
    ["a name that only begins alike", "shopping/prices", token, 403],
    ["what a dot would lead out to", "shop", token, 403],
  ])("lets in no one without the scope: %s", async (_, name, own, status) => {
    const worker = await sharedWorker();
    for (const answer of [await post(worker, name, report(), own), await upgrade(worker, name, own)]) {
      expect(answer.status).toBe(status);
      await problemIn(answer);
    }
    expect(await worker.circuit(name).view()).toBeUndefined();
  });

  it.each<[string, unknown, number]>([
    ["no JSON", "{", 400],
    ["no report", [], 422],
    ["a count that is none", { ...report(), fail: -1 }, 422],
    ["an epoch that nobody could leap past", { ...report(), epoch: 1e300 }, 422],
    ["a replica of any length", { ...report(), replica: "r".repeat(65) }, 422],
    ["rules of nothing", { ...report(), rules: {} }, 422],
    ["more than a report can be", { ...report(), more: "x".repeat(5_000) }, 413],
  ])("refuses %s, and leaves the record alone", async (_, body, status) => {
    const worker = await sharedWorker();
    const answer = await post(worker, "shop/prices", body);
    expect(answer.status).toBe(status);
    await problemIn(answer);
    expect(await worker.circuit("shop/prices").view()).toBeUndefined();
  });

  it("says what is wrong with a report", async () => {
    const worker = await sharedWorker();
    const { detail } = await problemIn(await post(worker, "shop/prices", { ...report(), seq: "first" }));
    expect(detail).toBe('seq must be a whole number from 1 to 1000000000000, but is "first"');
  });

  it("keeps of a report only what a report has", async () => {
    const worker = await sharedWorker();
    const future = { ...report(), of: "a later version", __proto__: { open: true } };
    expect((await post(worker, "shop/prices", future)).status).toBe(200);
  });

  it("refuses the 10,001st follower of a name, and says when to come back; its reports by POST are taken", async () => {
    const worker = await sharedWorker();
    const connected = (count: number) =>
      runInDurableObject(worker.circuit("shop/prices"), (_, state) => {
        // Ten thousand real ones would take the test runner minutes.
        Object.defineProperty(state, "getWebSockets", { configurable: true, value: () => Array(count) });
      });
    await connected(10_000);
    const refused = await upgrade(worker, "shop/prices");
    expect(refused.status).toBe(503);
    expect(refused.webSocket).toBeNull();
    expect(refused.headers.get("retry-after")).toBe("30");
    expect(await problemIn(refused)).toMatchObject({ type: "urn:ninelives:problem:too-many-followers" });
    await connected(9_999);
    expect((await upgrade(worker, "shop/prices")).status).toBe(101);
    await runInDurableObject(worker.circuit("shop/prices"), (_, state) => {
      Reflect.deleteProperty(state, "getWebSockets");
    });
    expect((await post(worker, "shop/prices", report())).status).toBe(200);
  });

  it("refuses a name that is too long, and a GET that is no WebSocket", async () => {
    const worker = await sharedWorker();
    expect((await post(worker, `shop/${"n".repeat(200)}`, report())).status).toBe(414);
    const plain = await worker.fetch(followPath("shop/prices"), {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(plain.status).toBe(426);
    await problemIn(plain);
  });
});

describe("followerStore in a stateless isolate", () => {
  it("reports by HTTP in the background of its requests, kept running by waitUntil", async () => {
    const worker = await sharedWorker();
    await worker.circuit("shop/prices").sync(report());
    const kept: Promise<unknown>[] = [];
    const sent: string[] = [];
    const shared = followerStore({
      url: "https://edge.test",
      token,
      fetch: (url, init) => {
        const { pathname } = new URL(String(url));
        sent.push(pathname);
        return worker.fetch(pathname, init);
      },
    });
    const circuit = circuitBreaker({ name: "shop/prices", consecutiveFailures: 2, shared });
    const call = compose(environment({ waitUntil: (work) => kept.push(work) }), circuit);
    for (let each = 0; each < 100; each++) await call.execute(async () => "served");
    expect(kept).toHaveLength(1);
    await Promise.all(kept);
    expect(sent).toEqual([followPath("shop/prices")]);
    await worker.circuit("shop/prices").command("open");
    await circuit.sync();
    await expect(call.execute(async () => "served")).rejects.toMatchObject({ kind: "circuit-open" });
  });
});
