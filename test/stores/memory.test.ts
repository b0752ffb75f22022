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
