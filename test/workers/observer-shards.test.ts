import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { otherPolicies, shardOf } from "ninelives/observer";
import { describe, expect, it, vi } from "vitest";
import { Shards } from "../../workers/objects/shards.ts";
import { readShards } from "../../workers/observers.ts";
import { counted, names, send, sharded, shards, until, watch } from "./sharded-observer.ts";
import { testWorker, toldToOwner } from "./test-worker.ts";

describe.concurrent("an observer of several shards", { timeout: 30_000 }, () => {
  it("knows what one would", async () => {
    const observed = await sharded();
    await send(observed, [...names(20), ...names(10)], 4);
    const state = await observed.state();
    expect([state.events, state.dropped]).toEqual([30, 4]);
    expect(counted(state)).toEqual(
      Object.fromEntries(names(20).map((name, index) => [name, index < 10 ? 2 : 1])),
    );
    const held = await Promise.all(
      [0, 1, 2].map((index) =>
        runInDurableObject(observed.shard(index), (object) => object.state().policies.length),
      ),
    );
    expect(held.reduce((sum, each) => sum + each)).toBe(20);
    for (const each of held) expect(each).toBeGreaterThan(2);
  });

  it("answers for one policy and one circuit from the shard that has it", async () => {
    const observed = await sharded();
    await send(observed, names(9));
    const { parent } = observed;
    expect((await parent.getPolicyState("policy 4"))?.windows["1m"].requests).toBe(1);
    expect(await parent.getErrorRate("policy 5", "1m")).toBe(0);
    expect(await parent.getCircuitState("policy 6")).toBe("closed");
    expect(await parent.getPolicyState("nobody")).toBeUndefined();
    expect(await parent.getErrorRate("nobody", "1m")).toBeNull();
    expect(await parent.getCircuitState("nobody")).toBeUndefined();
    expect((await parent.getSystemState()).policies).toHaveLength(9);
    const { home } = observed;
    expect((await home("policy 4").getSystemState()).policies.map(({ policy }) => policy)).toContain(
      "policy 4",
    );
    expect((await home("policy 4").getPolicyState("policy 4"))?.policy).toBe("policy 4");
    expect(await home("policy 4").getErrorRate("policy 4", "5m")).toBe(0);
    expect(await home("policy 4").getCircuitState("policy 4")).toBe("closed");
  });

  it("tells viewers which policies of a shard made room for others", async () => {
    const observed = await sharded();
    const { messages } = await watch(observed);
    await until(() => expect(messages).toHaveLength(1));
    const its = names(2_000).filter((name) => shardOf(name, shards) === 0);
    const [first, newer] = [its[0] as string, its[500] as string];
    await runInDurableObject(observed.shard(0), (object) => {
      const later = Date.now() + 901_000;
      const ingest = (policies: readonly string[]): void => {
        const at = Date.now();
        const event = { type: "cache.missed", at } as const;
        const events = policies.map((policy) => ({ ...event, policy }));
        object.ingest({
          version: 1,
          source: { id: "abcdef", kind: "page" },
          sentAt: at,
          dropped: 0,
          events,
        });
      };
      ingest(its.slice(0, 500));
      const clock = vi.spyOn(Date, "now").mockReturnValue(later);
      ingest([newer]);
      clock.mockRestore();
    });
    await until(() =>
      expect(messages).toContainEqual(expect.objectContaining({ type: "delta", forgotten: [first] })),
    );
    const states = messages.flatMap((message) => (message.type === "delta" ? message.policies : []));
    expect(states.map(({ policy }) => policy)).toContain(newer);
    expect(await observed.state()).toMatchObject({
      policies: expect.toSatisfy(({ length }) => length === 500),
    });
  });

  it("answers for circuits of one name in several shards by the worst of them", async () => {
    const { parent, shard } = await sharded();
    const states = ["closed", "half-open", "metrics-only"] as const;
    for (const [index, state] of states.entries()) {
      const stamp = { policy: `policy of ${index}`, at: Date.now() };
      await shard(index).ingest({
        version: 1,
        source: { id: "abcdef", kind: "page" },
        sentAt: stamp.at,
        dropped: 0,
        events: [{ type: "circuit.called", circuit: "shared", state, result: "success", ...stamp }],
      });
    }
    expect(await parent.getCircuitState("shared")).toBe("half-open");
  });

  it("has the metrics of all", async () => {
    const observed = await sharded();
    await send(observed, names(9), 2);
    const text = await (await observed.worker.as("viewer", "/metrics")).text();
    for (const name of names(9))
      expect(text).toContain(`resilience_requests_total{policy="${name}",result="success"} 1\n`);
    expect(text).toContain("resilience_events_dropped_total 2\n");
    expect(text.match(/^# TYPE resilience_requests_total/gm)).toHaveLength(1);
    const open = await observed.worker.as("viewer", "/metrics", {
      headers: { accept: "application/openmetrics-text" },
    });
    expect((await open.text()).endsWith("# EOF\n")).toBe(true);
  });

  it("a flood of ten thousand names stays bounded in each, and what is too much adds up", async () => {
    const observed = await sharded();
    for (let thousand = 0; thousand < 10; thousand++) await send(observed, names(1_000, `flood ${thousand}`));
    const state = await observed.state();
    expect(state.events).toBe(10_000);
    expect(state.policies).toHaveLength(shards * 500 + 1);
    const others = state.policies.find(({ policy }) => policy === otherPolicies);
    expect(others?.windows["1m"]).toMatchObject({ requests: 10_000 - shards * 500, failures: 0 });
    expect(await observed.parent.getPolicyState(otherPolicies)).toMatchObject({ policy: otherPolicies });
    const text = await observed.parent.metrics();
    expect(text).toContain(
      `resilience_requests_total{policy="${otherPolicies}",result="success"} ${10_000 - shards * 500}\n`,
    );
  });

  it("tells a viewer what is, and then what any shard saw, each event once", async () => {
    const observed = await sharded();
    await send(observed, ["before"]);
    const viewer = await watch(observed);
    await until(() => expect(viewer.messages).not.toHaveLength(0));
    expect(viewer.messages[0]).toMatchObject({ type: "snapshot", state: { events: 1 } });
    for (const name of names(12)) await send(observed, [name]);
    await until(() => expect(viewer.told()).toHaveLength(13));
    expect(new Set(viewer.told()).size).toBe(13);
    const last = viewer.messages.at(-1);
    expect(last).toMatchObject({ type: "delta", totals: { events: 13 }, skipped: 0 });
    // Who comes back soon goes on from there.
    const again = await watch(observed, last?.place);
    await until(() => expect(again.messages).not.toHaveLength(0));
    expect(again.messages[0]).toMatchObject({ type: "delta", events: [], skipped: 0 });
  });

  it("tells a viewer at most ten times a second, whatever comes", async () => {
    const observed = await sharded();
    const viewer = await watch(observed);
    const began = Date.now();
    for (let turn = 0; turn < 60; turn++) await send(observed, names(30));
    await until(() => expect(viewer.told().length).toBeGreaterThan(0));
    await until(() => expect(viewer.messages.at(-1)).toMatchObject({ totals: { events: 1_800 } }));
    const seconds = (Date.now() - began) / 1_000;
    expect(viewer.messages.length).toBeLessThanOrEqual(10 * seconds + 2);
    const skipped = viewer.messages.reduce(
      (sum, message) => sum + (message.type === "delta" ? message.skipped : 0),
      0,
    );
    expect(viewer.told().length + skipped).toBe(1_800);
  });

  it("waits for a shard that says nothing no longer than for four seconds", async () => {
    const warned = toldToOwner("warn");
    const observers = {
      getByName: (name: string) => ({
        part: () => (name === "observer.3.1" ? new Promise(() => {}) : Promise.resolve(name)),
      }),
    };
    const { answered, absent } = await new Shards("observer.3", { OBSERVER: observers as never }).ask(
      (shard) => shard.part(),
    );
    expect(answered).toEqual([
      [0, "observer.3.0"],
      [2, "observer.3.2"],
    ]);
    expect(absent).toEqual({ shards: [1], of: 3 });
    expect(String(warned[0]?.[1])).toContain("no answer within 4000 ms");
  });

  it("tells by server-sent events, too", async () => {
    const observed = await sharded();
    await send(observed, ["prices"]);
    const response = await observed.worker.as("viewer", "/v1/live", {
      headers: { accept: "text/event-stream" },
    });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const { value } = await reader.read();
    expect(new TextDecoder().decode(value)).toContain('"type":"snapshot"');
    await reader.cancel();
  });

  it("shards tell nobody when nobody looks on any more", async () => {
    const observed = await sharded();
    const viewer = await watch(observed);
    await send(observed, names(6));
    await until(() => expect(viewer.told()).toHaveLength(6));
    const watched = () =>
      Promise.all(
        [0, 1, 2].map((index) =>
          runInDurableObject(observed.shard(index), (_, state) => state.storage.kv.get("watch")),
        ),
      );
    expect((await watched()).every((each) => each !== undefined)).toBe(true);
    viewer.socket.close();
    await until(async () => {
      await send(observed, names(6));
      expect(await watched()).toEqual([undefined, undefined, undefined]);
    });
    const later = await watch(observed);
    await send(observed, ["later"]);
    await until(() => expect(later.told()).toContain("later"));
  });

  it("survives the eviction of a shard, and says what may be missing", async () => {
    const observed = await sharded();
    await send(observed, names(9));
    const lost = observed.home("policy 0");
    const kept = () =>
      runInDurableObject(lost, (_, state) => {
        const { kv } = state.storage;
        return kv.get("counted") !== undefined && kv.get("unstored-since") === undefined;
      });
    await until(async () => expect(await kept()).toBe(true));
    // As an eviction leaves it that comes before what was told last is stored.
    const from = Date.now() - 2_000;
    await runInDurableObject(lost, (_, state) => state.storage.kv.put("unstored-since", from));
    await evictDurableObject(lost);
    const state = await observed.state();
    expect(counted(state)).toEqual(Object.fromEntries(names(9).map((name) => [name, 1])));
    expect(state.gaps).toEqual([{ from, to: expect.toSatisfy((to: number) => to - from <= 5_000) }]);
    const viewer = await watch(observed);
    await send(observed, ["policy 0"]);
    await until(() => expect(viewer.messages.at(-1)).toMatchObject({ totals: { events: 10 } }));
  });

  it("viewers go on after the parent was evicted", async () => {
    const observed = await sharded();
    const viewer = await watch(observed);
    await send(observed, names(9));
    await until(() => expect(viewer.told()).toHaveLength(9));
    const heard = viewer.messages.length;
    await evictDurableObject(observed.parent);
    await send(observed, ["policy 3"]);
    await until(() => {
      const anew = viewer.messages.slice(heard);
      expect(anew).toContainEqual(expect.objectContaining({ type: "snapshot" }));
      expect(anew.at(-1)).toMatchObject(
        anew.at(-1)?.type === "snapshot" ? { state: { events: 10 } } : { totals: { events: 10 } },
      );
    });
    const before = viewer.told().length;
    await send(observed, ["after"]);
    await until(() => expect(viewer.told().slice(before)).toContain("after"));
  });
});

describe("an observer of several shards, one of them broken", () => {
  it("counts for dropped what a shard did not take, and takes nothing twice", async () => {
    toldToOwner("warn");
    const observed = await sharded();
    const { env } = observed.worker;
    const broken = `observer.${shards}.${shardOf("policy 0", shards)}`;
    const lost = names(9).filter((name) => `observer.${shards}.${shardOf(name, shards)}` === broken).length;
    const real = env.OBSERVER;
    const faulty = {
      getByName: (name: string) =>
        name === broken ? { ingest: () => Promise.reject(new Error("reset")) } : real.getByName(name),
    };
    const worker = await testWorker({
      env: { OBSERVER: faulty, OBSERVER_PARENT: env.OBSERVER_PARENT, OBSERVER_SHARDS: String(shards) },
    });
    await send({ worker }, names(9));
    const { events, dropped } = await observed.state();
    expect([events, dropped]).toEqual([9 - lost, lost]);
  });
});

describe("OBSERVER_SHARDS", () => {
  const parent = {} as never;

  it.each([
    [undefined, 1],
    ["", 1],
    ["1", 1],
    ["16", 16],
  ])("%j stands for %d", (text, count) => {
    expect(
      readShards({ ...(text !== undefined && { OBSERVER_SHARDS: text }), OBSERVER_PARENT: parent }),
    ).toBe(count);
  });

  it.each(["0", "17", "2.5", "many"])("%j is refused", (text) => {
    expect(() => readShards({ OBSERVER_SHARDS: text, OBSERVER_PARENT: parent })).toThrow(
      `OBSERVER_SHARDS must be a whole number from 1 to 16, but it is "${text}"`,
    );
  });

  it("above 1 needs a parent", () => {
    expect(() => readShards({ OBSERVER_SHARDS: "2" })).toThrow("OBSERVER_PARENT");
  });
});
