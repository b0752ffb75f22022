import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { circuitBreaker } from "ninelives";
import { type CircuitView, durableObjectStore, type Report } from "ninelives/stores/durable-object";
import { describe, expect, it } from "vitest";
import type { CircuitObject } from "../../workers/objects/circuit-object.ts";
import { deaf, report } from "../contracts/store.ts";

let made = 0;
const fresh = () => `restarted circuit ${++made}`;
const vote = { seq: 2, open: true, fail: 9 };
const store = durableObjectStore(env.CIRCUITS);

async function opened(name: string) {
  const { epoch } = await store.sync(name, report(), deaf);
  return store.sync(name, report({ ...vote, epoch }), deaf);
}

/** What one caller of an object does while it is there, in the object itself. */
const inside = <R>(
  name: string,
  does: (object: CircuitObject, state: DurableObjectState) => R | Promise<R>,
) => runInDurableObject(env.CIRCUITS.getByName(name), does);

describe("CircuitObject, restarted", () => {
  it("goes on after a reset with what it stored, and the store needs nothing but its next report", async () => {
    const name = fresh();
    const before = await opened(name);
    await abortAllDurableObjects();
    const after = await store.sync(name, report({ seq: 3, epoch: before.epoch }), deaf);
    expect(after).toMatchObject({ state: "open", epoch: before.epoch });
  });

  it("a circuit goes on through a reset: the report of unknown fate goes again and counts once", async () => {
    const name = fresh();
    const failures: Report[] = [];
    let resetting = true;
    const circuit = circuitBreaker({
      name,
      consecutiveFailures: 2,
      shared: durableObjectStore({
        getByName: (own) => ({
          relay: () => Promise.reject(new Error("no region")),
          sync: async (each) => {
            failures.push(each as Report);
            const view = await env.CIRCUITS.getByName(own).sync(each);
            if (!resetting) return view;
            resetting = false;
            throw Object.assign(new Error("Durable Object reset because its code was updated"), {
              durableObjectReset: true,
            });
          },
        }),
      }),
    });
    await circuit.sync();
    await abortAllDurableObjects();
    await circuit.sync();
    expect(failures[1]).toEqual(failures[0]);
    expect(circuit.state).toBe("closed");
    await expect(circuit.execute(async () => "served")).resolves.toBe("served");
  });

  it("an instance that another has superseded decides nothing: its storage refuses it", async () => {
    const name = fresh();
    const { epoch } = await store.sync(name, report(), deaf);
    await inside(name, (object, state) => {
      const { put } = state.storage.kv;
      state.storage.kv.put = () => {
        throw new Error("this instance has been superseded");
      };
      // It would open; what it could not store it neither tells nor remembers.
      expect(() => object.sync(report({ ...vote, epoch }))).toThrow("superseded");
      expect(object.view()).toMatchObject({ state: "closed", epoch });
      state.storage.kv.put = put;
    });
    expect(await store.sync(name, report({ ...vote, epoch }), deaf)).toMatchObject({ state: "open" });
  });
});

describe("CircuitObject, superseded", () => {
  /** Two instances of one object, of which workerd lets only the later one have the storage. */
  async function takenOver(name: string) {
    let old: CircuitObject | undefined;
    await inside(name, (object) => {
      old = object;
    });
    await evictDurableObject(env.CIRCUITS.getByName(name));
    await inside(name, (object) => expect(object).not.toBe(old));
    return old as CircuitObject;
  }

  const brief = { rules: { openFor: 0, maximumOpenFor: 0, probes: 1, successesToClose: 1 } };

  it("opens nothing when another instance has taken over: nobody is told, and the other one is as it was", async () => {
    const name = fresh();
    const { epoch } = await store.sync(name, report(), deaf);
    const old = await takenOver(name);
    expect(() => old.sync(report({ ...vote, epoch }))).toThrow("I/O on behalf of a different Durable Object");
    expect(old.view()).toMatchObject({ state: "closed", epoch });
    expect(await env.CIRCUITS.getByName(name).view()).toMatchObject({ state: "closed", epoch });
    // The replica sends the same report again, and now it counts.
    expect(await store.sync(name, report({ ...vote, epoch }), deaf)).toMatchObject({ state: "open" });
  });

  it("gives no permit that the other one might give too", async () => {
    const name = fresh();
    const { epoch } = await store.sync(name, report(brief), deaf);
    await store.sync(name, report({ ...vote, ...brief, epoch }), deaf);
    const old = await takenOver(name);
    const wants = { wantsProbe: true, ...brief };
    expect(() => old.sync(report({ replica: "two", ...wants }))).toThrow("different Durable Object");
    expect(await store.sync(name, report({ replica: "three", ...wants }), deaf)).toHaveProperty("permit");
  });

  it("gives no lease that the other one has given", async () => {
    const name = fresh();
    const lease = { kind: "lease", seq: 1, epoch: 0, wants: true, ttl: 30_000 } as const;
    await store.sync(name, { ...lease, replica: "one", wants: false }, deaf);
    const old = await takenOver(name);
    expect(() => old.sync({ ...lease, replica: "two" })).toThrow("different Durable Object");
    expect(await store.sync(name, { ...lease, replica: "three" }, deaf)).toMatchObject({ held: true });
  });
});

/** What the first version of this package sent, word for word. */
const firstVersion = (more: string): Report =>
  JSON.parse(`{
    "replica": "k3v0q8xw2p", "slow": 0, ${more},
    "rules": { "openFor": 0, "maximumOpenFor": 300000, "probes": 1, "successesToClose": 1 }
  }`);

describe("CircuitObject and callers of other versions", () => {
  it("leads one of the first version through a whole incident: vote, permit, probe, closed", async () => {
    const circuit = env.CIRCUITS.getByName(fresh());
    const said = (more: string) => circuit.sync(firstVersion(more)) as Promise<CircuitView>;
    const { epoch } = await said(
      '"seq": 1, "epoch": 0, "ok": 4, "fail": 0, "open": false, "wantsProbe": false',
    );
    const open = await said(
      `"seq": 2, "epoch": ${epoch}, "ok": 0, "fail": 9, "open": true, "wantsProbe": false`,
    );
    expect(open).toMatchObject({ state: "open", epoch: epoch + 1 });
    const half = await said(
      `"seq": 3, "epoch": ${open.epoch}, "ok": 0, "fail": 0, "open": true, "wantsProbe": true`,
    );
    expect(half).toMatchObject({ state: "half-open", permit: { id: expect.any(String) } });
    const closed = await said(
      `"seq": 4, "epoch": ${half.epoch}, "ok": 1, "fail": 0, "open": true, "wantsProbe": false,
      "probe": { "permit": "${half.permit?.id}", "ok": true }`,
    );
    expect(closed).toMatchObject({ state: "closed", epoch: half.epoch + 1 });
    // What it reads of a view is all there, under the names that it knows.
    for (const view of [open, half, closed]) {
      const { epoch, state, reason, remaining, openFor, nextSync } = view;
      expect([epoch, remaining, openFor, nextSync].map((each) => typeof each)).toEqual(
        Array(4).fill("number"),
      );
      expect([state, reason].map((each) => typeof each)).toEqual(["string", "string"]);
    }
  });

  it("takes the report of an old one, which says less, and ignores what a newer one says more", async () => {
    const circuit = env.CIRCUITS.getByName(fresh());
    const { epoch } = await circuit.sync(report());
    const newer = {
      ...report({ seq: 2, epoch, ok: 1 }),
      priority: "high",
      rules: { ...report().rules, more: 1 },
    };
    expect(await circuit.sync(newer as Report)).toMatchObject({ epoch, state: "closed" });
  });

  it.each([
    ["nothing", undefined, "a report must be an object"],
    ["a list", [report()], "a report must be an object"],
    ["no replica", { ...report(), replica: "" }, "replica must be a text of 1 to 64 characters"],
    ["a seq of zero", { ...report(), seq: 0 }, "seq must be a whole number from 1"],
    ["a probe without its permit", { ...report(), probe: { ok: true } }, "probe.permit must be a text"],
    ["a count that is none", { ...report(), ok: Number.NaN }, "ok must be a whole number"],
  ])("refuses %s with an error that says what is wrong, and counts it", async (_, bad, message) => {
    const name = fresh();
    const circuit = env.CIRCUITS.getByName(name);
    // Inside: an error that crosses the wire is reported as unhandled too, though the caller has it.
    await inside(name, (object) => expect(() => object.sync(bad as Report)).toThrow(message));
    expect(await circuit.refused()).toBe(1);
    expect(await circuit.view()).toBeUndefined();
    expect(await store.sync(name, report(), deaf)).toMatchObject({ state: "closed" });
  });

  it("keeps its record small, however many replicas report under whatever names", async () => {
    const name = fresh();
    const size = await inside(name, (object, state) => {
      for (let each = 0; each < 2_000; each++)
        object.sync(report({ replica: `${"r".repeat(59)}${each}`.slice(-64), open: true, fail: 1 }));
      object.command("open");
      return JSON.stringify(state.storage.kv.get("record")).length;
    });
    expect(size).toBeLessThan(100_000);
  });
});
