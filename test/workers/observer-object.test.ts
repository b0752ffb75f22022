import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { LiveMessage, PolicySnapshot } from "ninelives/observer";
import type { EventBatch } from "ninelives/telemetry";
import { ObserverObject } from "ninelives/workers";
import { describe, expect, it, vi } from "vitest";

let made = 0;
const fresh = () => env.OBSERVER.getByName(`observer ${++made}`);
type Observer = ReturnType<typeof fresh>;

const batch = (policies: readonly string[], more: Partial<EventBatch> = {}): EventBatch => ({
  version: 1,
  source: { id: "abcdef", kind: "page" },
  sentAt: Date.now(),
  dropped: 0,
  events: policies.map((policy) => ({
    type: "request.succeeded",
    policy,
    at: Date.now(),
    duration: 5,
    attempts: 1,
  })),
  ...more,
});

/** Waits until all that was told is stored, which happens every five seconds. */
const stored = (observer: Observer, policies: number) =>
  vi.waitFor(
    async () => {
      const kept = await runInDurableObject(observer, (_, state) => [
        ...state.storage.kv.list({ prefix: "policy:" }),
      ]);
      expect(kept).toHaveLength(policies);
    },
    { timeout: 10_000, interval: 200 },
  );

/** Looks on by WebSocket, as the dashboard does. */
async function watch(observer: Observer, after = "") {
  const response = await observer.fetch(`https://observer/?after=${after}`, {
    headers: { upgrade: "websocket" },
  });
  const socket = response.webSocket as WebSocket;
  const messages: LiveMessage[] = [];
  const texts: string[] = [];
  socket.addEventListener("message", ({ data }) => {
    texts.push(data as string);
    if ((data as string).startsWith("{")) messages.push(JSON.parse(data as string));
  });
  socket.accept();
  return { socket, messages, texts };
}

// Several wait for what is stored every five seconds, so they wait together.
describe.concurrent("ObserverObject", () => {
  it("counts what it is told of", async () => {
    const observer = fresh();
    await observer.ingest(batch(["prices", "prices", "reviews"], { dropped: 2 }));
    const { events, dropped, policies } = await observer.state();
    expect([events, dropped]).toEqual([3, 2]);
    expect(policies.map(({ policy, windows }) => [policy, windows["1m"].requests])).toEqual([
      ["prices", 2],
      ["reviews", 1],
    ]);
    expect(await observer.metrics()).toContain(
      'resilience_requests_total{policy="prices",result="success"} 2\n',
    );
  });

  it("windows, totals and sums survive its eviction", { timeout: 15_000 }, async () => {
    const observer = fresh();
    await observer.ingest(batch(["prices", "reviews"], { dropped: 2 }));
    const before = await observer.state();
    await stored(observer, 2);
    await evictDurableObject(observer);
    const after = await observer.state();
    expect(after).toMatchObject({ since: before.since, events: 2, dropped: 2 });
    expect(after.policies.map(({ policy, windows }) => [policy, windows["15m"].requests])).toEqual([
      ["prices", 1],
      ["reviews", 1],
    ]);
    expect(await observer.metrics()).toContain("resilience_events_dropped_total 2\n");
  });

  it("survives its eviction with more policies than it tells apart", { timeout: 15_000 }, async () => {
    const observer = fresh();
    await observer.ingest(batch(Array.from({ length: 600 }, (_, number) => `policy ${number}`)));
    await stored(observer, 501);
    await evictDurableObject(observer);
    const { policies } = await observer.state();
    expect(policies).toHaveLength(501);
    expect(policies.find(({ policy }) => policy === "(other)")?.windows["15m"].requests).toBe(100);
  });

  it("tells viewers, also those who come back, which policies made room for others", async () => {
    const observer = fresh();
    const { messages } = await watch(observer);
    await vi.waitFor(() => expect(messages).toHaveLength(1), { timeout: 10_000 });
    const place = messages[0]?.place;
    await runInDurableObject(observer, (object) => {
      const later = Date.now() + 901_000;
      const names = Array.from({ length: 500 }, (_, number) => `policy ${number}`);
      (object as ObserverObject).ingest(batch(names));
      const clock = vi.spyOn(Date, "now").mockReturnValue(later);
      (object as ObserverObject).ingest(batch(["policy 0", "newer", "newest"]));
      clock.mockRestore();
    });
    const forgotten = ["policy 1", "policy 2"];
    await vi.waitFor(() => expect(messages.at(-1)).toMatchObject({ type: "delta", forgotten }), {
      timeout: 10_000,
    });
    const again = await watch(observer, place);
    await vi.waitFor(() => expect(again.messages[0]).toMatchObject({ type: "delta", forgotten }), {
      timeout: 10_000,
    });
    const later = await watch(observer, messages.at(-1)?.place);
    await vi.waitFor(() => expect(later.messages[0]?.type).toBe("delta"), { timeout: 10_000 });
    expect(later.messages[0]).not.toHaveProperty("forgotten");
  });

  it("stores a policy of the most varied latencies, and those behind it", { timeout: 20_000 }, async () => {
    const observer = fresh();
    // The worst that ingest can bring: in every slot of the longest window nearly every bucket.
    await runInDurableObject(observer, (object) => {
      const slots = 180;
      const now = Date.now();
      const clock = vi.spyOn(Date, "now");
      const latencies = Array.from({ length: 900 }, (_, bucket) => 0.011 * 2 ** (bucket / 32));
      for (let slot = slots; slot > 0; slot--) {
        clock.mockReturnValue(now - slot * 5_000);
        const events = latencies.map((duration) => ({
          type: "request.succeeded" as const,
          policy: "varied",
          at: 0,
          duration,
          attempts: 1,
        }));
        object.ingest(batch([], { events }));
      }
      clock.mockRestore();
      object.ingest(batch(["varied", "zebra"]));
    });
    await stored(observer, 2);
    const kept = await runInDurableObject(observer, (_, state) =>
      state.storage.kv.get<PolicySnapshot>("policy:varied"),
    );
    // Two minutes by slots of five seconds, the rest by slots of thirty, and every bucket in each.
    const slots = kept?.slots.slice(0, -1) ?? [];
    expect(slots.length).toBeGreaterThan(47);
    expect(slots.length).toBeLessThan(52);
    expect(Math.min(...slots.map(({ sketch }) => sketch?.length ?? 0))).toBeGreaterThan(500);
  });

  it("tells a viewer what is, and then what changes", async () => {
    const observer = fresh();
    await observer.ingest(batch(["prices"]));
    const { messages } = await watch(observer);
    await vi.waitFor(() => expect(messages).toHaveLength(1));
    expect(messages[0]).toMatchObject({
      type: "snapshot",
      events: [{ policy: "prices", source: "page abcd" }],
    });
    await observer.ingest(batch(["prices", "reviews"]));
    await vi.waitFor(() =>
      expect(messages.flatMap((message) => (message.type === "delta" ? message.events : []))).toHaveLength(2),
    );
    const delta = messages.at(-1);
    expect(delta).toMatchObject({ type: "delta", totals: { events: 3, dropped: 0 }, skipped: 0 });
  });

  it("tells a viewer while events come, and no more than ten times a second", async () => {
    const observer = fresh();
    await observer.ingest(batch(["prices"]));
    const { messages } = await watch(observer);
    // Long enough for the slow pace of ageing windows to have begun.
    await vi.waitFor(() => expect(messages.length).toBeGreaterThan(1), { timeout: 10_000 });
    const before = messages.length;
    const began = performance.now();
    const told = () => messages.length - before;
    while (told() < 5) {
      await observer.ingest(batch(["prices"]));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // The first may have been on its way.
    expect(told() - 2).toBeLessThanOrEqual((performance.now() - began) / 100);
  });

  it("counts the events that are too many for one message", async () => {
    const observer = fresh();
    const { messages } = await watch(observer);
    await observer.ingest(batch(Array.from({ length: 300 }, () => "prices")));
    await observer.ingest(batch(Array.from({ length: 100 }, () => "prices")));
    await vi.waitFor(() => {
      const deltas = messages.flatMap((message) => (message.type === "delta" ? [message] : []));
      expect(deltas.reduce((sum, { events, skipped }) => sum + events.length + skipped, 0)).toBe(400);
      expect(Math.max(...deltas.map(({ events }) => events.length))).toBeLessThanOrEqual(200);
    });
  });

  it("answers ping with pong, also when it sleeps", async () => {
    const observer = fresh();
    const { socket, texts } = await watch(observer);
    socket.send("ping");
    await vi.waitFor(() => expect(texts).toContain("pong"));
    await evictDurableObject(observer);
    texts.length = 0;
    socket.send("ping");
    await vi.waitFor(() => expect(texts).toEqual(["pong"]));
  });

  it("keeps a viewer's connection through load, and answers each ping", { timeout: 20_000 }, async () => {
    const observer = fresh();
    const { socket, messages, texts } = await watch(observer);
    const closed = vi.fn();
    socket.addEventListener("close", closed);
    const load = Array.from({ length: 500 }, (_, index) => `policy ${index}`);
    const rounds = 40;
    for (let round = 1; round <= rounds; round++) {
      socket.send("ping");
      await Promise.all([observer.ingest(batch(load)), observer.ingest(batch(load))]);
    }
    const events = rounds * 2 * load.length;
    await vi.waitFor(() => expect(texts.filter((text) => text === "pong")).toHaveLength(rounds), 10_000);
    await vi.waitFor(() => expect(messages.at(-1)).toMatchObject({ totals: { events } }), 10_000);
    expect(closed).not.toHaveBeenCalled();
  });

  it("goes on telling a viewer whom it knew before it slept", async () => {
    const observer = fresh();
    const { messages } = await watch(observer);
    await vi.waitFor(() => expect(messages).toHaveLength(1));
    await evictDurableObject(observer);
    await observer.ingest(batch(["prices"]));
    await vi.waitFor(() =>
      expect(messages.at(-1)).toMatchObject({ type: "delta", events: [{ policy: "prices" }] }),
    );
  });

  it("goes on from where a viewer was when it lost the connection", async () => {
    const observer = fresh();
    await observer.ingest(batch(["prices"]));
    const { socket, messages } = await watch(observer);
    await vi.waitFor(() => expect(messages).toHaveLength(1));
    socket.close();
    await observer.ingest(batch(["reviews", "stock"]));
    const again = await watch(observer, messages[0]?.place);
    await vi.waitFor(() => expect(again.messages).toHaveLength(1));
    expect(again.messages[0]).toMatchObject({
      type: "delta",
      totals: { events: 3 },
      policies: [{ policy: "prices" }, { policy: "reviews" }, { policy: "stock" }],
      events: [{ policy: "reviews" }, { policy: "stock" }],
      skipped: 0,
    });
  });

  it("says how many events a viewer missed who was away for too many of them", async () => {
    const observer = fresh();
    const { socket, messages } = await watch(observer);
    await vi.waitFor(() => expect(messages).toHaveLength(1));
    socket.close();
    await observer.ingest(batch(Array.from({ length: 300 }, () => "prices")));
    const again = await watch(observer, messages[0]?.place);
    await vi.waitFor(() => expect(again.messages).toHaveLength(1));
    expect([again.messages[0]?.events.length, again.messages[0]]).toMatchObject([200, { skipped: 100 }]);
  });

  it("tells a newcomer nothing twice", async () => {
    const observer = fresh();
    const old = await watch(observer);
    await vi.waitFor(() => expect(old.messages).toHaveLength(1));
    await observer.ingest(batch(["prices"]));
    const { messages } = await watch(observer);
    await observer.ingest(batch(["reviews"]));
    await vi.waitFor(() => expect(messages.flatMap(({ events }) => events)).toHaveLength(2));
    expect(messages.flatMap(({ events }) => events.map(({ policy }) => policy))).toEqual([
      "prices",
      "reviews",
    ]);
  });

  it("tells only of the policies that changed, and of all every five seconds", {
    timeout: 15_000,
  }, async () => {
    const observer = fresh();
    await observer.ingest(batch(["prices", "reviews"]));
    const { messages } = await watch(observer);
    const told = () =>
      messages.flatMap((message) =>
        message.type === "delta" ? [message.policies.map(({ policy }) => policy).join()] : [],
      );
    await vi.waitFor(() => expect(told()).toContain("prices,reviews"), { timeout: 8_000 });
    await observer.ingest(batch(["reviews"]));
    await vi.waitFor(() => expect(told().at(-1)).toBe("reviews"));
    await vi.waitFor(() => expect(told().at(-1)).toBe("prices,reviews"), { timeout: 8_000 });
  });

  it("the last events survive its eviction", { timeout: 15_000 }, async () => {
    const observer = fresh();
    await observer.ingest(batch(["prices"]));
    await stored(observer, 1);
    await evictDurableObject(observer);
    expect((await observer.state()).gaps).toEqual([]);
    const { messages } = await watch(observer);
    await vi.waitFor(() =>
      expect(messages[0]).toMatchObject({ type: "snapshot", events: [{ policy: "prices" }] }),
    );
  });

  it("says for which time it may have lost events when it dies before it has stored them", async () => {
    await runInDurableObject(fresh(), async (_, state) => {
      const before = Date.now();
      new ObserverObject(state, {}).ingest(batch(["prices"]));
      const { events, gaps = [] } = new ObserverObject(state, {}).state();
      expect([events, gaps]).toMatchObject([0, [{ from: expect.any(Number), to: expect.any(Number) }]]);
      const [{ from, to }] = gaps as [{ from: number; to: number }];
      expect(from).toBeGreaterThanOrEqual(before);
      expect(to - from).toBeLessThanOrEqual(5_000);
      // Nothing more was lost with the second death, and after a while no window misses it.
      expect(new ObserverObject(state, {}).state().gaps).toEqual(gaps);
      const clock = vi.spyOn(Date, "now").mockReturnValue(to + 900_001);
      expect(new ObserverObject(state, {}).state().gaps).toEqual([]);
      clock.mockRestore();
      // A viewer who stayed hears of it, too.
      const again = new ObserverObject(state, {});
      const { webSocket } = again.fetch(
        new Request("https://observer/", { headers: { upgrade: "websocket" } }),
      );
      const messages: LiveMessage[] = [];
      webSocket?.addEventListener("message", ({ data }) => {
        messages.push(JSON.parse(data as string));
      });
      webSocket?.accept();
      again.ingest(batch(["prices"]));
      await vi.waitFor(() => expect(messages.at(-1)).toMatchObject({ type: "delta", gaps }));
      webSocket?.close();
    });
  });

  it("goes from the beginning with a viewer who comes back after its eviction", async () => {
    const observer = fresh();
    const { messages } = await watch(observer);
    await vi.waitFor(() => expect(messages).toHaveLength(1));
    await evictDurableObject(observer);
    const again = await watch(observer, messages[0]?.place);
    await vi.waitFor(() => expect(again.messages[0]?.type).toBe("snapshot"));
  });

  it("lets a viewer go", async () => {
    const observer = fresh();
    const { socket } = await watch(observer);
    const closed = new Promise<number>((resolve) => {
      socket.addEventListener("close", ({ code }) => resolve(code));
    });
    socket.close(1000, "seen enough");
    expect(await closed).toBe(1000);
    await vi.waitFor(async () =>
      expect(await runInDurableObject(observer, (_, state) => state.getWebSockets().length)).toBe(0),
    );
    await observer.ingest(batch(["prices"]));
  });
});
