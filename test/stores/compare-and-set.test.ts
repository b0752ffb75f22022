import { describe, expect, it, onTestFinished, vi } from "vitest";
import { type CompareAndSet, compareAndSetStore, type Kept } from "../../src/stores/compare-and-set.ts";
import { deaf, report, storeContract } from "../contracts/store.ts";

/** A home that takes a turn for each step, as one over a network does, and counts what is asked of it. */
function table(more: { readonly clock?: () => number } = {}) {
  const kept = new Map<string, { text: string; version: number }>();
  const asked = { gets: 0, sets: 0, refused: 0 };
  const home: CompareAndSet<number> = {
    async get(name): Promise<Kept<number>> {
      asked.gets++;
      await undefined;
      const found = kept.get(name);
      return { text: found?.text, version: found?.version ?? 0, now: more.clock?.() };
    },
    async set(name, text, version) {
      asked.sets++;
      await undefined;
      if ((kept.get(name)?.version ?? 0) !== version) {
        asked.refused++;
        return false;
      }
      kept.set(name, { text, version: version + 1 });
      return true;
    },
  };
  return { home, kept, asked };
}

/** Lets the platform's time run twenty times as fast until the test is over. */
function hastened(): void {
  const { setTimeout } = globalThis;
  const now = performance.now.bind(performance);
  const from = now();
  vi.stubGlobal("setTimeout", (run: () => void, ms: number) => setTimeout(run, ms / 20));
  vi.spyOn(performance, "now").mockImplementation(() => from + (now() - from) * 20);
  onTestFinished(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });
}

storeContract("compare-and-set", () => ({ store: compareAndSetStore(table().home), quorum: "majority" }));
storeContract("compare-and-set, of any quorum", () => ({
  store: compareAndSetStore(table().home, { quorum: "any" }),
  quorum: "any",
}));

describe("compareAndSetStore", () => {
  it("reads once and writes once for a report that meets no other", async () => {
    const { home, asked } = table();
    await compareAndSetStore(home).sync("prices", report(), deaf);
    expect(asked).toEqual({ gets: 1, sets: 1, refused: 0 });
  });

  it.each([
    [{}, 20],
    [{ rate: 5 }, 5],
  ])(
    "asks for so many reports a second of each name, however many replicas there are: %j",
    async (options, rate) => {
      const store = compareAndSetStore(table({ clock: () => 0 }).home, options);
      const views: number[] = [];
      for (let each = 0; each < 200; each++) {
        views.push((await store.sync("prices", report({ replica: `replica ${each}` }), deaf)).nextSync);
      }
      const seconds = Map.groupBy(views, (nextSync) => Math.floor(nextSync / 1_000));
      expect(Math.max(...[...seconds.values()].map(({ length }) => length))).toBe(rate);
      expect(() => compareAndSetStore(table().home, { rate: 0 })).toThrow("compareAndSetStore: rate must be");
    },
  );

  it("decides again on what is there when another writer was faster, and loses no report", async () => {
    const { home, kept, asked } = table();
    const stores = Array.from({ length: 8 }, () => compareAndSetStore(home));
    await Promise.all(
      stores.map((store, number) => store.sync("prices", report({ replica: `of ${number}`, ok: 1 }), deaf)),
    );
    expect(asked.refused).toBeGreaterThan(0);
    const { members } = JSON.parse(kept.get("prices")?.text ?? "{}");
    expect(members).toHaveLength(8);
  });

  it("who met another writer is asked for the next report later, save a leader who must renew", async () => {
    const { home } = table();
    const contended = (times: number): CompareAndSet<number> => ({
      get: home.get,
      set: async (...given) => times-- <= 0 && home.set(...given),
    });
    const pause = async (times: number) =>
      (await compareAndSetStore(contended(times)).sync(`prices ${times}`, report(), deaf)).nextSync;
    const usual = await pause(0);
    expect(await pause(2)).toBe(3 * usual);
    expect(await pause(6)).toBe(4 * usual);
    const lease = { kind: "lease", replica: "one", seq: 1, epoch: 0, wants: true, ttl: 9_000 } as const;
    expect(await compareAndSetStore(contended(3)).sync("leader", lease, deaf)).toMatchObject({
      nextSync: 3_000,
    });
  });

  it("who met another writer is asked to renew a share of a limit before that ends", async () => {
    const { home } = table();
    const contended: CompareAndSet<number> = {
      get: home.get,
      set: (
        (times) =>
        async (...given) =>
          times-- <= 0 && home.set(...given)
      )(3),
    };
    const limiter = { kind: "limiter", replica: "one", seq: 1, epoch: 0, demand: 0.1, lease: 0 } as const;
    expect(await compareAndSetStore(contended).sync("limit", limiter, deaf)).toMatchObject({
      ttl: 6_000,
      nextSync: 6_000,
    });
  });

  it("a report that meets others each time says that the home is overloaded", async () => {
    hastened();
    const { home } = table();
    const lost = compareAndSetStore({ get: home.get, set: async () => false }).sync("prices", report(), deaf);
    await expect(lost).rejects.toMatchObject({ name: "Contended", overloaded: true });
  });

  it("reports of one process on a name go one after the other, and meet nobody", async () => {
    const { home, asked } = table();
    const store = compareAndSetStore(home);
    await Promise.all(
      Array.from({ length: 50 }, (_, each) => store.sync("prices", report({ replica: `of ${each}` }), deaf)),
    );
    expect(asked).toEqual({ gets: 50, sets: 50, refused: 0 });
  });

  it("goes by the home's clock where it has one", async () => {
    const clock = { at: 5_000 };
    const store = compareAndSetStore(table({ clock: () => clock.at }).home);
    const { epoch } = await store.sync("prices", report(), deaf);
    await store.sync("prices", report({ seq: 2, epoch, open: true, fail: 9 }), deaf);
    clock.at += 29_999;
    expect(await store.sync("prices", report({ seq: 3 }), deaf)).toMatchObject({
      state: "open",
      remaining: 1,
    });
    clock.at += 1;
    expect(await store.sync("prices", report({ seq: 4 }), deaf)).toMatchObject({ state: "half-open" });
  });

  it("throws what the home throws, once, with its marks", async () => {
    const overloaded = Object.assign(new Error("too many"), { overloaded: true });
    let gets = 0;
    const store = compareAndSetStore({
      get: () => {
        gets++;
        return Promise.reject(overloaded);
      },
      set: () => Promise.reject(new Error("never asked")),
    });
    await expect(store.sync("prices", report(), deaf)).rejects.toBe(overloaded);
    expect(gets).toBe(1);
  });

  it("gives up on a home that does not answer, and aborts what it asked", async () => {
    hastened();
    let aborted = false;
    const store = compareAndSetStore<number>({
      get: (_, signal) =>
        new Promise(() => {
          signal.addEventListener("abort", () => {
            aborted = true;
          });
        }),
      set: async () => true,
    });
    await expect(store.sync("prices", report(), deaf)).rejects.toMatchObject({ kind: "timeout" });
    expect(aborted).toBe(true);
  });

  it.each(["{ no record", "null", "{}", '{"version":2,"epoch":1,"clock":1}', "5"])(
    "begins anew where the text is no record, ahead of who knows more: %s",
    async (text) => {
      const { home, kept } = table();
      kept.set("prices", { text, version: 3 });
      const view = await compareAndSetStore(home).sync("prices", report({ epoch: 70 }), deaf);
      expect(view).toMatchObject({ state: "closed", epoch: 71 });
      expect(kept.get("prices")?.version).toBe(4);
    },
  );

  it("leaves the record of a later version to those who know it", async () => {
    const { home, kept } = table();
    const text = JSON.stringify({ version: 3, kind: "circuit", epoch: 1, clock: 1, members: [] });
    kept.set("prices", { text, version: 3 });
    await expect(compareAndSetStore(home).sync("prices", report(), deaf)).rejects.toThrow(
      "the home is of version 3, and this one knows 2 at most",
    );
    expect(kept.get("prices")).toEqual({ text, version: 3 });
  });

  it("refuses what it does not know", () => {
    const { home } = table();
    expect(() => compareAndSetStore(home, { quorum: "most" as "any" })).toThrow(
      'compareAndSetStore: quorum must be one of majority, any, but is "most"',
    );
    expect(() => compareAndSetStore(home, { prefix: "x" } as object)).toThrow('no option "prefix"');
  });
});
