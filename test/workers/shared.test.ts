import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { circuitBreaker, compose, environment } from "ninelives";
import type { FollowMessage, Report, View } from "ninelives/stores/durable-object";
import { followPath, followProtocol, followUntil } from "ninelives/stores/durable-object";
import { followerStore } from "ninelives/stores/follower";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { sha256 } from "../../src/control/tokens.ts";
import { report } from "../contracts/store.ts";
import { problemIn, testWorker } from "./test-worker.ts";

const token = "tenant-token";

/** A Worker that knows one more token, of a tenant. */
async function sharedWorker() {
  const record = { name: "shop", sha256: await sha256(token), scopes: ["share.shop/*"] };
  return testWorker({ env: { TOKENS: JSON.stringify([record]) } });
}

type SharedWorker = Awaited<ReturnType<typeof sharedWorker>>;

const post = ({ fetch }: SharedWorker, name: string, body: unknown, own = token) =>
  fetch(followPath(name), {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { authorization: `Bearer ${own}` },
  });

const upgrade = ({ fetch }: SharedWorker, name: string, own = token) =>
  fetch(followPath(name), {
    headers: { upgrade: "websocket", "sec-websocket-protocol": `${followProtocol}, token.${own}` },
  });

/** A follower's end of a socket, with what it heard. */
async function follow(worker: SharedWorker, name: string) {
  const answer = await upgrade(worker, name);
  expect(answer.status).toBe(101);
  expect(answer.headers.get("sec-websocket-protocol")).toBe(followProtocol);
  const socket = answer.webSocket as WebSocket;
  const heard: FollowMessage[] = [];
  const texts: unknown[] = [];
  const closed: number[] = [];
  socket.addEventListener("message", ({ data }) => {
    texts.push(data);
    if (data !== "pong") heard.push(JSON.parse(String(data)));
  });
  socket.addEventListener("close", ({ code }) => {
    closed.push(code);
  });
  socket.accept();
  onTestFinished(() => socket.close());
  let id = 0;
  async function ask(each: Report): Promise<View> {
    const mine = ++id;
    socket.send(JSON.stringify({ id: mine, report: each }));
    const answered = await vi.waitFor(() => {
      const found = heard.find((message) => message.id === mine);
      if (found === undefined) throw new Error("no answer yet");
      return found;
    });
    return (answered as { view: View }).view;
  }
  return { socket, heard, texts, closed, ask };
}

const vote = { seq: 2, open: true, fail: 9 };

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

describe("a follower's socket", () => {
  it("answers each report by its id", async () => {
    const { ask } = await follow(await sharedWorker(), "shop/prices");
    const { epoch } = await ask(report());
    expect(await ask(report({ ...vote, epoch }))).toMatchObject({ state: "open" });
  });

  it("tells of each change at once, whoever brought it about, and of nothing else", async () => {
    const worker = await sharedWorker();
    const { heard, ask } = await follow(worker, "shop/prices");
    const elsewhere = await follow(worker, "shop/reviews");
    const { epoch } = await ask(report());
    heard.length = 0;
    const home = worker.circuit("shop/prices");
    await home.sync(report({ replica: "isolate", ok: 5 }));
    await home.command("open");
    await vi.waitFor(() => expect(heard).toHaveLength(1));
    expect(heard).toMatchObject([{ view: { state: "forced-open", epoch: epoch + 1 } }]);
    expect(elsewhere.heard).toEqual([]);
  });

  it("tells whoever comes, or comes back, what holds now", async () => {
    const worker = await sharedWorker();
    await worker.circuit("shop/prices").command("open");
    const { heard } = await follow(worker, "shop/prices");
    await vi.waitFor(() => expect(heard).toMatchObject([{ view: { state: "forced-open" } }]));
  });

  it("outlives the object's eviction, and a report that comes again after it counts once", async () => {
    const worker = await sharedWorker();
    const { ask, heard } = await follow(worker, "shop/prices");
    const { epoch } = await ask(report());
    await ask(report({ ...vote, epoch }));
    const home = worker.circuit("shop/prices");
    await evictDurableObject(home);
    const again = await ask(report({ ...vote, epoch }));
    expect(again).toMatchObject({ state: "open" });
    await home.command("close");
    await vi.waitFor(() => expect(heard.at(-1)).toMatchObject({ view: { state: "closed" } }));
    expect(heard.at(-1)).not.toHaveProperty("id");
  });

  it("hears at once when a lease is given up, and when its holder is gone", async () => {
    const worker = await sharedWorker();
    const home = worker.circuit("shop/leader");
    const { heard } = await follow(worker, "shop/leader");
    const lease = { kind: "lease", epoch: 0, wants: true, ttl: 30_000 } as const;
    await home.sync({ ...lease, replica: "one", seq: 1 });
    await home.sync({ ...lease, replica: "one", seq: 2, wants: false });
    await vi.waitFor(() => expect(heard.at(-1)).toMatchObject({ view: { remaining: 0 } }));
    const { epoch } = await home.sync({ ...lease, replica: "two", seq: 1, ttl: 500 });
    // It renews once, and then never again: an alarm ends its lease.
    await home.sync({ ...lease, replica: "two", seq: 2, ttl: 500 });
    await vi.waitFor(
      () =>
        expect(heard.at(-1)).toEqual({ view: expect.objectContaining({ epoch: epoch + 1, remaining: 0 }) }),
      { timeout: 10_000 },
    );
  });

  it("sets no alarm for a lease that nobody follows, nor for anything else", async () => {
    const worker = await sharedWorker();
    const alone = worker.circuit("shop/alone");
    await alone.sync({ kind: "lease", replica: "one", seq: 1, epoch: 0, wants: true, ttl: 30_000 });
    const { ask } = await follow(worker, "shop/prices");
    const { epoch } = await ask(report());
    await ask(report({ ...vote, epoch }));
    const followed = worker.circuit("shop/prices");
    for (const home of [alone, followed])
      expect(await runInDurableObject(home, (_, { storage }) => storage.getAlarm())).toBeNull();
  });

  it("answers pings without waking the object", async () => {
    const { socket, texts } = await follow(await sharedWorker(), "shop/prices");
    socket.send("ping");
    await vi.waitFor(() => expect(texts).toContain("pong"));
  });

  it("refuses what is no report, counts it, and stays open", async () => {
    const worker = await sharedWorker();
    const { socket, heard, ask } = await follow(worker, "shop/prices");
    socket.send("{");
    socket.send(JSON.stringify({ id: 77, report: { ...report(), open: "yes" } }));
    await vi.waitFor(() => expect(heard).toHaveLength(2));
    expect(heard[1]).toEqual({
      id: 77,
      error: 'open must be true or false, but is "yes"',
      refused: true,
    });
    expect(await worker.circuit("shop/prices").refused()).toBe(2);
    expect(await ask(report())).toMatchObject({ state: "closed" });
  });

  it("closes on a message that is too large", async () => {
    const worker = await sharedWorker();
    const { socket, closed } = await follow(worker, "shop/prices");
    socket.send("x".repeat(5_000));
    await vi.waitFor(() => expect(closed).toEqual([1009]));
    expect(await worker.circuit("shop/prices").refused()).toBe(1);
  });

  it("closes on more messages than a follower has to send", async () => {
    const worker = await sharedWorker();
    const { socket, closed, heard } = await follow(worker, "shop/prices");
    for (let id = 1; id <= 300; id++)
      socket.send(JSON.stringify({ id, report: { ...report(), replica: `one ${id}` } }));
    await vi.waitFor(() => expect(closed).toEqual([1008]), { timeout: 10_000 });
    expect(heard.length).toBeLessThan(300);
    // Who comes back is heard again.
    const again = await follow(worker, "shop/prices");
    expect(await again.ask(report())).toMatchObject({ state: "closed" });
  });

  it.each<[string, (worker: SharedWorker, socket: WebSocket) => unknown]>([
    ["by its next message", (_, socket) => socket.send(JSON.stringify({ id: 1, report: report() }))],
    ["by the next news", (worker) => worker.circuit("shop/prices").command("open")],
  ])("ends when its token has, %s, and hears no more", async (_, happens) => {
    const worker = await sharedWorker();
    const { socket, closed, heard } = await follow(worker, "shop/prices");
    const home = worker.circuit("shop/prices");
    await runInDurableObject(home, (__, state) => {
      for (const each of state.getWebSockets()) {
        const { until } = each.deserializeAttachment();
        expect(until).toBeGreaterThan(Date.now() + 3_000_000);
        expect(until).toBeLessThanOrEqual(Date.now() + 3_600_000);
        each.serializeAttachment({ until: Date.now() });
      }
    });
    await happens(worker, socket);
    await vi.waitFor(() => expect(closed).toEqual([1008]));
    expect(heard).toEqual([]);
  });

  it("of a JWT holds until that ends", async () => {
    const pair = (await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
      "sign",
      "verify",
    ])) as CryptoKeyPair;
    const jwk = { ...((await crypto.subtle.exportKey("jwk", pair.publicKey)) as object), kid: "one" };
    const fetched = vi
      .spyOn(globalThis, "fetch")
      .mockImplementation(async () => Response.json({ keys: [jwk] }));
    onTestFinished(() => fetched.mockRestore());
    const [issuer, jwks] = ["https://id.test", `https://id.test/${crypto.randomUUID()}`];
    const worker = await testWorker({
      env: { JWT: JSON.stringify({ alg: "ES256", issuer, audience: "ninelives", jwks }) },
    });
    const url = (text: string) => btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    const exp = Math.floor(Date.now() / 1_000) + 60;
    const claims = { iss: issuer, aud: "ninelives", sub: "shop", scope: "share.shop/*", exp };
    const text = `${url(JSON.stringify({ alg: "ES256", kid: "one" }))}.${url(JSON.stringify(claims))}`;
    const signature = await crypto.subtle.sign(
      { name: "ECDSA", hash: "SHA-256" },
      pair.privateKey,
      new TextEncoder().encode(text),
    );
    const jwt = `${text}.${url(String.fromCharCode(...new Uint8Array(signature)))}`;
    expect((await upgrade(worker, "shop/prices", jwt)).status).toBe(101);
    const until = await runInDurableObject(worker.circuit("shop/prices"), (_, state) =>
      state.getWebSockets().map((each) => each.deserializeAttachment().until),
    );
    expect(until).toEqual([exp * 1_000]);
  });

  it("holds as long as the Worker says, whatever the follower says of itself", async () => {
    const worker = await sharedWorker();
    const untilOf = (name: string) =>
      runInDurableObject(worker.circuit(name), (_, state) =>
        state.getWebSockets().map((each) => each.deserializeAttachment().until),
      );
    const headers = {
      upgrade: "websocket",
      "sec-websocket-protocol": `${followProtocol}, token.${token}`,
      [followUntil]: "7",
    };
    await worker.circuit("shop/prices").fetch("https://edge.test", { headers });
    expect(await untilOf("shop/prices")).toEqual([7]);
    expect((await worker.fetch(followPath("shop/reviews"), { headers })).status).toBe(101);
    expect((await untilOf("shop/reviews"))[0]).toBeGreaterThan(Date.now());
  });
});
