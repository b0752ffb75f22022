import { createStore, get, keys, set } from "idb-keyval";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { View } from "../../src/state/sync.ts";
import { indexedDbStore } from "../../src/stores/indexeddb.ts";
import { deaf, report, storeContract } from "../contracts/store.ts";

let made = 0;
/** A database that no test before has used. */
const database = () => `test-${Date.now()}-${++made}`;

storeContract("IndexedDB", () => ({ store: indexedDbStore({ database: database() }), quorum: "any" }));

const vote = { seq: 2, open: true, fail: 9 };

describe("indexedDbStore", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  it("a second tab knows what the first one found out", async () => {
    const name = database();
    const [one, two] = [indexedDbStore({ database: name }), indexedDbStore({ database: name })];
    const { epoch } = await one.sync("prices", report(), deaf);
    await one.sync("prices", report({ ...vote, epoch }), deaf);
    expect(await two.sync("prices", report({ replica: "two" }), deaf)).toMatchObject({ state: "open" });
  });

  it("a second tab hears of a change at once, unasked", async () => {
    const name = database();
    const [one, two] = [indexedDbStore({ database: name }), indexedDbStore({ database: name })];
    const heard: View[] = [];
    await two.sync("prices", report({ replica: "two" }), (view) => heard.push(view));
    const { epoch } = await one.sync("prices", report(), deaf);
    const changedAt = performance.now();
    const view = await one.sync("prices", report({ ...vote, epoch }), deaf);
    await vi.waitFor(() => expect(heard).toEqual([{ ...view, nextSync: 2_000 }]), {
      timeout: 1_000,
      interval: 5,
    });
    expect(performance.now() - changedAt).toBeLessThan(1_000);
  });

  it("hears of no circuit but those that it reported on", async () => {
    const name = database();
    const [one, two] = [indexedDbStore({ database: name }), indexedDbStore({ database: name })];
    const heard: View[] = [];
    await two.sync("reviews", report({ replica: "two" }), (view) => heard.push(view));
    const ours: View[] = [];
    const { epoch } = await one.sync("prices", report(), deaf);
    await two.sync("prices", report({ replica: "three" }), (view) => ours.push(view));
    await one.sync("prices", report({ ...vote, epoch }), deaf);
    await vi.waitFor(() => expect(ours).toHaveLength(1));
    expect(heard).toEqual([]);
  });

  it("another circuit of the same name in the same tab hears too", async () => {
    const store = indexedDbStore({ database: database() });
    const heard: View[] = [];
    await store.sync("prices", report({ replica: "two" }), (view) => heard.push(view));
    const { epoch } = await store.sync("prices", report(), deaf);
    const view = await store.sync("prices", report({ ...vote, epoch }), deaf);
    await vi.waitFor(() => expect(heard).toEqual([{ ...view, nextSync: 2_000 }]));
  });

  it("agrees with another document of the same origin", async () => {
    const name = database();
    const frame = document.createElement("iframe");
    document.body.append(frame);
    const news = new Promise<unknown>((resolve) => {
      const { BroadcastChannel } = frame.contentWindow as Window & typeof globalThis;
      new BroadcastChannel(name).addEventListener("message", ({ data }) => resolve(data), { once: true });
    });
    const store = indexedDbStore({ database: name });
    const { epoch } = await store.sync("prices", report(), deaf);
    const view = await store.sync("prices", report({ ...vote, epoch }), deaf);
    // The first report made the record: that is news too.
    await expect(news).resolves.toMatchObject({ name: "prices" });
    expect(view).toMatchObject({ state: "open" });
    frame.remove();
  });

  it("survives the tab: a new one begins where the old one was", async () => {
    const name = database();
    const before = indexedDbStore({ database: name });
    const { epoch } = await before.sync("prices", report(), deaf);
    await before.sync("prices", report({ ...vote, epoch }), deaf);
    const after = indexedDbStore({ database: name });
    expect(await after.sync("prices", report({ replica: "new" }), deaf)).toMatchObject({ state: "open" });
  });

  it("forgets names that nobody reported on for a week: once a tab, when it adds one", async () => {
    const name = database();
    const kept = createStore(name, "circuits");
    const day = 86_400_000;
    const recordOf = (days: number) => ({
      version: 2,
      epoch: 1,
      clock: Date.now() - days * day,
      members: [],
    });
    await set("old", recordOf(8), kept);
    await set("recent", recordOf(6), kept);
    await set("no record", "of ours", kept);
    const store = indexedDbStore({ database: name });
    await store.sync("prices", report(), deaf);
    await vi.waitFor(async () => expect(await keys(kept)).toEqual(["no record", "prices", "recent"]), {
      timeout: 10_000,
    });
    await set("old", recordOf(8), kept);
    await store.sync("reviews", report(), deaf);
    expect(await keys(kept)).toEqual(["no record", "old", "prices", "recent", "reviews"]);
  });

  it("keeps the record under the circuit's name in a database of its own", async () => {
    const name = database();
    await indexedDbStore({ database: name }).sync("prices", report(), deaf);
    expect(await get("prices", createStore(name, "circuits"))).toMatchObject({ version: 2, state: "closed" });
  });
});

describe("indexedDbStore, without its database", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  /** What the tab knew is kept in memory, and nothing fails. */
  async function goesOn(store = indexedDbStore({ database: database() })) {
    const { epoch } = await store.sync("prices", report(), deaf);
    expect(await store.sync("prices", report({ ...vote, epoch }), deaf)).toMatchObject({ state: "open" });
    expect(await store.sync("prices", report({ replica: "two" }), deaf)).toMatchObject({ state: "open" });
  }

  it("private mode without a database: goes on in memory", async () => {
    vi.stubGlobal("indexedDB", undefined);
    await goesOn();
  });

  it("private mode whose database cannot be opened, as Firefox had it until 115: goes on in memory", async () => {
    vi.spyOn(indexedDB, "open").mockImplementation(() => {
      const request = {
        error: new DOMException("A mutation operation was attempted", "InvalidStateError"),
      } as IDBOpenDBRequest;
      queueMicrotask(() => request.onerror?.(new Event("error")));
      return request;
    });
    await goesOn();
  });

  it("private mode whose database cannot even be asked for: goes on in memory", async () => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, "indexedDB") as PropertyDescriptor;
    onTestFinished(() => void Object.defineProperty(globalThis, "indexedDB", descriptor));
    Object.defineProperty(globalThis, "indexedDB", {
      configurable: true,
      get() {
        throw new DOMException("The operation is insecure.", "SecurityError");
      },
    });
    await goesOn();
  });

  it("remembers a thousand names in memory, and forgets the one that it heard of longest ago", async () => {
    vi.stubGlobal("indexedDB", undefined);
    const store = indexedDbStore({ database: database() });
    const stateOf = async (name: string) => store.sync(name, report({ replica: "new" }), deaf);
    for (const name of ["first", "second"]) {
      const { epoch } = await store.sync(name, report(), deaf);
      await store.sync(name, report({ ...vote, epoch }), deaf);
    }
    for (let each = 0; each < 999; each++) {
      await stateOf("first");
      await stateOf(`name ${each}`);
    }
    expect(await stateOf("first")).toMatchObject({ state: "open" });
    expect(await stateOf("second")).toMatchObject({ state: "closed" });
  });

  it("shares neither a limit nor a lease where there is none: each tab would have all of it", async () => {
    vi.stubGlobal("indexedDB", undefined);
    const store = indexedDbStore({ database: database() });
    const head = { replica: "one", seq: 1, epoch: 0 };
    const lease = store.sync("leader", { kind: "lease", ...head, wants: true, ttl: 5_000 }, deaf);
    await expect(lease).rejects.toMatchObject({
      errors: [expect.anything(), new Error("tabs share no lease without their database")],
    });
    await expect(
      store.sync("rate", { kind: "limiter", ...head, demand: 1, lease: 0 }, deaf),
    ).rejects.toThrow();
  });

  it("a name that is used for two kinds takes nothing from the other names", async () => {
    const name = database();
    const store = indexedDbStore({ database: name });
    await store.sync("prices", report(), deaf);
    const lease = { kind: "lease", replica: "one", epoch: 0, wants: true, ttl: 5_000 } as const;
    for (let seq = 1; seq <= 5; seq++)
      await expect(store.sync("prices", { ...lease, seq }, deaf)).rejects.toThrow();
    expect(await store.sync("leader", { ...lease, seq: 1 }, deaf)).toMatchObject({ held: true });
    expect(await get("leader", createStore(name, "circuits"))).toMatchObject({
      kind: "lease",
      holder: "one",
    });
  });

  it("goes on in memory where opening throws, as in a frame without an origin", async () => {
    vi.spyOn(indexedDB, "open").mockImplementation(() => {
      throw new DOMException("denied", "SecurityError");
    });
    await goesOn();
  });

  it("goes on in memory where opening fails", async () => {
    const name = database();
    await new Promise((resolve) => {
      const opening = indexedDB.open(name, 5);
      opening.onsuccess = () => resolve(opening.result.close());
    });
    // The store's own tables are missing in it.
    await goesOn(indexedDbStore({ database: name }));
  });

  it("goes on in memory where there is no BroadcastChannel, or it throws", async () => {
    vi.stubGlobal("BroadcastChannel", undefined);
    await goesOn();
    vi.stubGlobal(
      "BroadcastChannel",
      class {
        constructor() {
          throw new DOMException("denied", "SecurityError");
        }
      },
    );
    await goesOn();
  });

  it("goes on in memory where the disk is full", async () => {
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => {
      throw new DOMException("full", "QuotaExceededError");
    });
    await goesOn();
  });

  it("goes back to the database once it can be opened", async () => {
    const name = database();
    const store = indexedDbStore({ database: name });
    const open = vi.spyOn(indexedDB, "open").mockImplementation(() => {
      throw new DOMException("denied", "SecurityError");
    });
    const { epoch } = await store.sync("prices", report(), deaf);
    const alone = await store.sync("prices", report({ ...vote, epoch }), deaf);
    open.mockRestore();
    const back = await store.sync(
      "prices",
      report({ seq: 3, epoch: alone.epoch, open: true, fail: 1 }),
      deaf,
    );
    // It brings along what it found out alone, in an epoch past those of others.
    expect(back).toMatchObject({ state: "open" });
    expect(back.epoch).toBeGreaterThan(alone.epoch);
    expect(await get("prices", createStore(name, "circuits"))).toMatchObject({ epoch: back.epoch });
  });

  it.each([
    ["as WebKit's network process loses it", "UnknownError", "Connection to Indexed Database server lost."],
    ["as after a sleep", "InvalidStateError", "The database connection is closing."],
  ])("rebuilds a connection that is lost for good, %s", async (_, kind, message) => {
    const name = database();
    const store = indexedDbStore({ database: name });
    const { epoch } = await store.sync("prices", report(), deaf);
    const lost = new Set<IDBDatabase>();
    const { transaction } = IDBDatabase.prototype;
    let losing = true;
    vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementation(function (this: IDBDatabase, ...call) {
      if (losing) lost.add(this);
      losing = false;
      // Whoever asks it again is told the same.
      if (lost.has(this)) throw new DOMException(message, kind);
      return transaction.apply(this, call);
    });
    const view = await store.sync("prices", report({ ...vote, epoch }), deaf);
    expect(view).toMatchObject({ state: "open" });
    const back = await store.sync("prices", report({ replica: "two" }), deaf);
    expect(back).toMatchObject({ state: "open" });
    expect(back.epoch).toBeGreaterThan(view.epoch);
    expect(lost.size).toBe(1);
    expect(await get("prices", createStore(name, "circuits"))).toMatchObject({ epoch: back.epoch });
  });

  it("lets its database be deleted, and begins a new one", async () => {
    const name = database();
    const store = indexedDbStore({ database: name });
    const before = await store.sync("prices", report(), deaf);
    await new Promise<void>((resolve, reject) => {
      const deleting = indexedDB.deleteDatabase(name);
      deleting.onsuccess = () => resolve();
      deleting.onerror = () => reject(deleting.error);
      deleting.onblocked = () => reject(new Error("the store holds on to its database"));
    });
    const after = await store.sync("prices", report({ seq: 2, epoch: before.epoch }), deaf);
    expect(after).toMatchObject({ state: "closed" });
    expect(await get("prices", createStore(name, "circuits"))).toBeDefined();
  });

  it("answers within its patience while opening is blocked", async () => {
    vi.spyOn(indexedDB, "open").mockImplementation(() => ({}) as IDBOpenDBRequest);
    const started = performance.now();
    const store = indexedDbStore({ database: database() });
    expect(await store.sync("prices", report(), deaf)).toMatchObject({ state: "closed" });
    expect(performance.now() - started).toBeLessThan(4_000);
  });
});
