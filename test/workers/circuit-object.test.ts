import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { type CircuitRecord, type CircuitView, durableObjectStore } from "ninelives/stores/durable-object";
import { describe, expect, it } from "vitest";
import type { CircuitReport as Report } from "../../src/state/sync.ts";
import { deaf, report, rules, storeContract } from "../contracts/store.ts";

storeContract("Durable Object", () => ({ store: durableObjectStore(env.CIRCUITS), quorum: "majority" }));

let made = 0;
const fresh = () => env.CIRCUITS.getByName(`circuit ${++made}`);
/** Of a circuit, whose reports are answered with its views. */
const sync = (circuit: ReturnType<typeof fresh>, report: Report) =>
  circuit.sync(report) as Promise<CircuitView>;
const vote = { seq: 2, open: true, fail: 9 };
const brief = { ...rules, openFor: 0 };

async function opened(circuit: ReturnType<typeof fresh>, more: Partial<Report> = {}) {
  const { epoch } = await sync(circuit, report(more));
  return sync(circuit, report({ ...more, ...vote, epoch }));
}

describe("CircuitObject", () => {
  it("survives its eviction: open stays open, of the same epoch", async () => {
    const circuit = fresh();
    const before = await opened(circuit);
    expect(before.state).toBe("open");
    await evictDurableObject(circuit);
    const after = await sync(circuit, report({ seq: 3, epoch: before.epoch }));
    expect(after).toMatchObject({ state: "open", epoch: before.epoch, openFor: before.openFor });
    expect(after.remaining).toBeLessThanOrEqual(before.remaining);
    expect(after.remaining).toBeGreaterThan(before.remaining - 5_000);
  });

  it("a permit survives its eviction: nobody else gets one, and its probe counts", async () => {
    const circuit = fresh();
    await opened(circuit, { rules: brief });
    const given = await sync(circuit, report({ seq: 3, wantsProbe: true, rules: brief }));
    expect(given.permit).toBeDefined();
    await evictDurableObject(circuit);
    const other = await sync(circuit, report({ replica: "two", wantsProbe: true, rules: brief }));
    expect(other).toMatchObject({ state: "half-open", epoch: given.epoch });
    expect(other).not.toHaveProperty("permit");
    const probe = { permit: given.permit?.id ?? "", ok: true };
    const closed = await sync(circuit, report({ seq: 4, epoch: given.epoch, probe, rules: brief }));
    expect(closed.state).toBe("closed");
  });

  it("a vote survives its eviction", async () => {
    const circuit = fresh();
    const { epoch } = await sync(circuit, report());
    await sync(circuit, report({ replica: "two" }));
    expect(await sync(circuit, report({ ...vote, epoch }))).toMatchObject({ state: "closed" });
    await evictDurableObject(circuit);
    expect(await sync(circuit, report({ ...vote, replica: "two", epoch }))).toMatchObject({ state: "open" });
  });

  it("stores what matters before it is told, and counts only now and then", async () => {
    const circuit = fresh();
    const stored = () =>
      runInDurableObject(circuit, (_, state) => state.storage.kv.get<CircuitRecord>("record"));
    const { epoch } = await sync(circuit, report());
    expect((await stored())?.epoch).toBe(epoch);
    await sync(circuit, report({ seq: 2, epoch, ok: 10 }));
    expect((await stored())?.counts.ok).toBe(0);
    const view = await sync(circuit, report({ ...vote, seq: 3, epoch }));
    expect(await stored()).toMatchObject({ state: "open", epoch: view.epoch });
  });

  it("fifty probers that come at once get one permit between them, though it is evicted in between", async () => {
    const circuit = fresh();
    await opened(circuit, { rules: brief });
    const probers = (from: number) =>
      Promise.all(
        Array.from({ length: 25 }, (_, number) =>
          sync(circuit, report({ replica: `prober ${from + number}`, wantsProbe: true, rules: brief })),
        ),
      );
    const first = await probers(0);
    await evictDurableObject(circuit);
    const views = [...first, ...(await probers(25))];
    expect(views.filter(({ permit }) => permit !== undefined)).toHaveLength(1);
  });

  it("does as a person says, until another command, through evictions", async () => {
    const circuit = fresh();
    expect(await circuit.view()).toBeUndefined();
    const forced = await circuit.command("open");
    expect(forced).toMatchObject({ state: "forced-open", reason: "forced" });
    await evictDurableObject(circuit);
    expect(await circuit.view()).toEqual(forced);
    expect(await sync(circuit, report({ ok: 100 }))).toMatchObject({ state: "forced-open" });
    expect(await circuit.command("close")).toMatchObject({ state: "closed" });
    expect(await circuit.command("open")).toMatchObject({ state: "forced-open" });
    expect((await circuit.command("reset")).epoch).toBeGreaterThan(forced.epoch);
  });

  it("follows replicas that are ahead when its store was wiped", async () => {
    const circuit = fresh();
    const before = await opened(circuit);
    await runInDurableObject(circuit, (_, state) => state.storage.deleteAll());
    await evictDurableObject(circuit);
    const after = await sync(circuit, report({ seq: 3, epoch: before.epoch }));
    expect(after.epoch).toBeGreaterThan(before.epoch);
  });
});

describe("durableObjectStore", () => {
  it("takes a new stub for each report: one that failed stays broken", async () => {
    let stubs = 0;
    const store = durableObjectStore({
      getByName: (name) => {
        stubs++;
        return env.CIRCUITS.getByName(name);
      },
    });
    await store.sync(`circuit ${++made}`, report(), deaf);
    await store.sync(`circuit ${++made}`, report(), deaf);
    expect(stubs).toBe(2);
  });

  it("throws what the object throws, with the marks of its kind", async () => {
    const overloaded = Object.assign(new Error("too many requests"), { overloaded: true });
    const store = durableObjectStore({
      getByName: () => ({ sync: () => Promise.reject(overloaded), relay: () => Promise.reject(overloaded) }),
    });
    await expect(store.sync("prices", report(), deaf)).rejects.toBe(overloaded);
  });

  it("gives up on an object that does not answer", { timeout: 10_000 }, async () => {
    const store = durableObjectStore({
      getByName: () => ({ sync: () => new Promise(() => {}), relay: () => new Promise(() => {}) }),
    });
    await expect(store.sync("prices", report(), deaf)).rejects.toMatchObject({ kind: "timeout" });
  });
});
