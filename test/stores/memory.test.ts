import { describe, expect, it } from "vitest";
import type { View } from "../../src/state/sync.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { deaf, report, storeContract } from "../contracts/store.ts";

storeContract("memory", () => ({ store: memoryStore(), quorum: "majority" }));
storeContract("memory, of any quorum", () => ({ store: memoryStore({ quorum: "any" }), quorum: "any" }));

describe("memoryStore", () => {
  it("goes by the clock that it is given", async () => {
    const clock = { at: 0, now: () => clock.at };
    const store = memoryStore({ clock });
    const { epoch } = await store.sync("prices", report(), deaf);
    await store.sync("prices", report({ seq: 2, epoch, open: true, fail: 9 }), deaf);
    clock.at = 29_999;
    expect(await store.sync("prices", report({ seq: 3 }), deaf)).toMatchObject({
      state: "open",
      remaining: 1,
    });
    clock.at = 30_000;
    expect(await store.sync("prices", report({ seq: 4 }), deaf)).toMatchObject({ state: "half-open" });
  });

  it("tells the latest 256 replicas of a name, and remembers no other", async () => {
    const store = memoryStore();
    const heard: number[] = [];
    for (let each = 0; each < 300; each++)
      await store.sync("prices", report({ replica: `of ${each}` }), () => heard.push(each));
    // Ahead of the record: a new epoch begins, and that is news.
    await store.sync("prices", report({ replica: "of 299", seq: 2, epoch: 7 }), deaf);
    expect(heard).toEqual(Array.from({ length: 255 }, (_, index) => 44 + index));
  });

  describe("keeps what it knows over a restart", () => {
    const json = <T>(value: T): T => JSON.parse(JSON.stringify(value));
    const vote = { seq: 2, open: true, fail: 9 };

    async function kept() {
      const clock = { at: 5_000, now: () => clock.at };
      const store = memoryStore({ clock });
      const { epoch } = await store.sync("prices", report(), deaf);
      await store.sync("prices", report({ ...vote, epoch }), deaf);
      await store.sync(
        "limit",
        { kind: "limiter", replica: "one", seq: 1, epoch: 0, demand: 1, lease: 0 },
        deaf,
      );
      clock.at += 10_000;
      return { epoch: epoch + 1, snapshot: json(store.snapshot()) };
    }

    it("a circuit is open for what remained of it, by whatever clock the next process has", async () => {
      const { epoch, snapshot } = await kept();
      for (const began of [0, 9e9]) {
        const clock = { at: began, now: () => clock.at };
        const store = memoryStore({ clock });
        store.restore(snapshot);
        const ask = (seq: number) => store.sync("prices", report({ replica: "new", seq }), deaf);
        expect(await ask(1)).toMatchObject({ state: "open", epoch, remaining: 20_000 });
        clock.at += 20_000;
        expect(await ask(2)).toMatchObject({ state: "half-open" });
      }
    });

    it("a limit leases nothing until what the process before had leased has ended", async () => {
      const clock = { at: 0, now: () => clock.at };
      const store = memoryStore({ clock });
      store.restore((await kept()).snapshot);
      const ask = (seq: number) =>
        store.sync("limit", { kind: "limiter", replica: "two", seq, epoch: 1, demand: 1, lease: 0 }, deaf);
      expect(await ask(1)).toMatchObject({ share: 0 });
      clock.at = 60_000;
      expect(await ask(2)).toMatchObject({ share: 1 });
    });

    it.each([
      [undefined, "restore: records must be an object"],
      [{ records: 7 }, "restore: records must be an object"],
      [{ records: { prices: {} } }, "restore: records.prices must be a record"],
      [{ records: { prices: { version: 3, epoch: 1, clock: 0 } } }, "version 3"],
    ])("refuses %j, and stays as it was", async (bad, message) => {
      const { epoch, snapshot } = await kept();
      const store = memoryStore();
      store.restore(snapshot);
      expect(() => store.restore(bad as never)).toThrow(message);
      expect(await store.sync("prices", report({ replica: "new" }), deaf)).toMatchObject({
        state: "open",
        epoch,
      });
    });
  });

  it("tells the other replicas of each change, and of nothing else", async () => {
    const store = memoryStore();
    const heard: [string, View][] = [];
    const listen = (replica: string) => (view: View) => heard.push([replica, view]);
    const { epoch } = await store.sync("prices", report(), listen("one"));
    await store.sync("prices", report({ replica: "two" }), listen("two"));
    await store.sync("reviews", report({ replica: "elsewhere" }), listen("elsewhere"));
    expect(heard).toEqual([]);
    const vote = { seq: 2, epoch, open: true, fail: 9 };
    await store.sync("prices", report(vote), listen("one"));
    const view = await store.sync("prices", report({ ...vote, replica: "two" }), listen("two"));
    // The slot for the next report is the reporter's own.
    expect(heard).toEqual([["one", { ...view, nextSync: 2_000 }]]);
  });
});
