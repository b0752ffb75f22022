import { createStore, get, set } from "idb-keyval";
import { circuitBreaker } from "ninelives";
import { describe, expect, it, vi } from "vitest";
import type { CircuitRecord } from "../../src/state/coordinator.ts";
import type { CircuitView, View } from "../../src/state/sync.ts";
import { indexedDbStore } from "../../src/stores/indexeddb.ts";
import { deaf, report } from "../contracts/store.ts";

let made = 0;
/** A database that no test before has used. */
const database = () => `versions-${Date.now()}-${++made}`;

describe("indexedDbStore and tabs of other versions", () => {
  /** An open circuit as the first version of this package kept it, word for word; `clock` is when it was stored. */
  const firstVersion = (clock: number) =>
    JSON.parse(`{
      "version": 1, "epoch": 7, "state": "open", "reason": "failures", "time": 60000, "clock": ${clock},
      "until": 90000, "openFor": 30000, "reopenings": 1, "closedAt": -1, "fleet": 1.5,
      "members": [{ "replica": "k3v0q8xw2p", "seq": 12, "seen": 60000, "gap": 2000, "open": true }],
      "permits": [], "permitsGiven": 0, "successes": 0, "failers": [], "counts": { "ok": 0, "fail": 0, "slow": 0 }
    }`);

  it("goes on with the record of the first version, and keeps it as its own", async () => {
    const name = database();
    const kept = createStore(name, "circuits");
    await set("prices", firstVersion(Date.now()), kept);
    const store = indexedDbStore({ database: name });
    const view = (await store.sync("prices", report({ replica: "new" }), deaf)) as CircuitView;
    expect(view).toMatchObject({ state: "open", epoch: 7, openFor: 30_000 });
    expect(view.remaining).toBeGreaterThan(0);
    const record = await get<CircuitRecord>("prices", kept);
    expect(record).toMatchObject({ version: 2, kind: "circuit", state: "open", epoch: 7 });
    expect(record?.members.map(({ replica }) => replica)).toEqual(["k3v0q8xw2p", "new"]);
  });

  it("leaves the record of a later version to those who know it, and goes on alone", async () => {
    const name = database();
    const kept = createStore(name, "circuits");
    const later = { version: 3, kind: "circuit", epoch: 9, clock: Date.now(), members: [], phase: "ajar" };
    await set("prices", later, kept);
    const shared = indexedDbStore({ database: name });
    const circuit = circuitBreaker({ name: "prices", consecutiveFailures: 2, shared });
    for (let each = 0; each < 2; each++) {
      await circuit.sync();
      await expect(circuit.execute(() => Promise.reject(new Error("down")))).rejects.toThrow("down");
    }
    await circuit.sync();
    await expect(circuit.execute(async () => "served")).rejects.toMatchObject({ kind: "circuit-open" });
    expect(await get("prices", kept)).toEqual(later);
  });

  it("is led astray by nothing that comes over the channel and is no news", async () => {
    const name = database();
    const store = indexedDbStore({ database: name });
    const heard: View[] = [];
    const { epoch } = await store.sync("prices", report({ replica: "two" }), (view) => heard.push(view));
    const channel = new BroadcastChannel(name);
    const view = { epoch: 99, state: "open", reason: "failures", remaining: 1, openFor: 1, nextSync: 1 };
    const limiter = { kind: "limiter", epoch: 99, share: 0, ttl: 0, fleet: 1, nextSync: 1 };
    const lease = { kind: "lease", epoch: 99, held: false, remaining: 0, nextSync: 1 };
    for (const garbage of [
      ...[undefined, null, 42, "open", [], {}, { name: "prices" }, { view }, { name: 7, view }],
      ...[null, "open", {}, [view]].map((view) => ({ name: "prices", view })),
      ...[
        ...[{ epoch: "99" }, { epoch: Number.NaN }, { epoch: Infinity }, { epoch: 1.5 }, { epoch: -1 }],
        ...[{ state: "ajar" }, { state: undefined }, { kind: "door" }, { kind: null }],
        ...[{ remaining: "long" }, { openFor: Number.NaN }, { nextSync: -1 }, { nextSync: Infinity }],
      ].map((wrong) => ({ name: "prices", view: { ...view, ...wrong } })),
      ...[{ share: 2 }, { ttl: "long" }, { fleet: 0 }].map((wrong) => ({
        name: "prices",
        view: { ...limiter, ...wrong },
      })),
      ...[{ held: 1 }, { remaining: -1 }].map((wrong) => ({ name: "prices", view: { ...lease, ...wrong } })),
    ])
      channel.postMessage(garbage);
    // What comes after all that and is news is heard, and nothing before it.
    const news = { ...view, epoch: epoch + 1 };
    channel.postMessage({ name: "prices", view: news });
    await vi.waitFor(() => expect(heard.at(-1)).toEqual(news), { timeout: 10_000 });
    expect(heard).toHaveLength(1);
    channel.close();
    expect(await store.sync("prices", report({ replica: "two", seq: 2, epoch }), deaf)).toMatchObject({
      state: "closed",
      epoch,
    });
  });
});
