import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { sha256 } from "ninelives/control";
import { followPath, followProtocol, followUntil } from "ninelives/stores/durable-object";
import { describe, expect, it, vi } from "vitest";
import { report } from "../contracts/store.ts";
import { follow, type SharedWorker, sharedWorker, token, upgrade, vote } from "./following.ts";
import { testIssuer } from "./test-issuer.ts";
import { testWorker } from "./test-worker.ts";

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

  it("of a JWT holds until nobody takes that any more", async () => {
    const issuer = await testIssuer();
    const worker = await testWorker({ env: { JWT: issuer.config } });
    const exp = Math.floor(Date.now() / 1_000) + 60;
    const jwt = await issuer.sign({ sub: "shop", scope: "share.shop/*", exp });
    expect((await upgrade(worker, "shop/prices", jwt)).status).toBe(101);
    const until = await runInDurableObject(worker.circuit("shop/prices"), (_, state) =>
      state.getWebSockets().map((each) => each.deserializeAttachment().until),
    );
    expect(until).toEqual([(exp + 30) * 1_000]);
  });

  it("opens with a token that has the dots of a JWT and is none", async () => {
    const dotted = "ab.cd.ef";
    const record = { name: "dotted", sha256: await sha256(dotted), scopes: ["share.*"] };
    const worker = await testWorker({ env: { TOKENS: JSON.stringify([record]) } });
    expect((await upgrade(worker, "shop/prices", dotted)).status).toBe(101);
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
