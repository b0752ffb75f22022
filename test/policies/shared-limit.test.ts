import { type Report, rateLimit, type Store, sharedBy, slidingLog, type View } from "ninelives";
import { ManualClock, seededRandom } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { coordinate, type SharedRecord } from "../../src/state/coordinator.ts";
import type { LimiterReport } from "../../src/state/sync.ts";
import { stage } from "./stage.ts";

/** Replicas of one limit of 100 a second under one clock, and their home, whose ways the test can break. */
function fleet(size: number, limit = 100) {
  const clock = new ManualClock();
  const staged = {
    record: undefined as SharedRecord | undefined,
    reports: [] as LimiterReport[],
    way: "open" as "open" | "cut" | "silent" | "something else",
    answer: undefined as Partial<View> | undefined,
  };
  const store: Store = {
    async sync(_: string, report: Report): Promise<View> {
      staged.reports.push(report as LimiterReport);
      if (staged.way === "cut") throw new Error("unreachable");
      if (staged.way === "silent") return new Promise(() => {});
      if (staged.way === "something else") return { epoch: 1, nextSync: 1 } as View;
      const [record, view] = coordinate(staged.record, report, clock.now());
      staged.record = record;
      return { ...view, ...staged.answer } as View;
    },
  };
  const replicas = Array.from({ length: size }, (_, index) => {
    const policy = rateLimit({ limit, shared: sharedBy(store), name: "search" });
    return { policy, ...stage(policy, { clock, random: seededRandom(index + 1) }) };
  });
  return {
    clock,
    staged,
    replicas,
    /** Each calls so often a second, for so long. Says how many calls of each went. */
    async load(rates: readonly number[], ms: number): Promise<number[]> {
      const before = replicas.map(({ origin }) => origin.calls.length);
      for (let passed = 0; passed < ms; passed += 10) {
        for (const [index, { call }] of replicas.entries()) {
          const rate = (rates[index] ?? 0) / 100;
          const due = Math.floor((passed / 10 + 1) * rate) - Math.floor((passed / 10) * rate);
          for (let made = 0; made < due; made++) call();
        }
        await clock.advance(10);
      }
      return replicas.map(({ origin }, index) => origin.calls.length - (before[index] ?? 0));
    },
  };
}

describe("rateLimit with a shared home", () => {
  it("lets no call wait for the home, and a tenth through where it has never heard from it", async () => {
    const { staged, load, clock } = fleet(1);
    staged.way = "silent";
    expect(await load([200], 1_000)).toEqual([19]);
    expect(clock.pending).toBe(0);
  });

  it("gives all of the limit to who is alone", async () => {
    const { load } = fleet(1);
    await load([200], 1_000);
    expect((await load([200], 1_000))[0]).toBeCloseTo(100, -1);
  });

  it("holds for the whole fleet, whatever each of them wants", async () => {
    const { load } = fleet(4);
    await load([100, 100, 100, 100], 10_000);
    const calls = await load([100, 100, 100, 100], 10_000);
    const sum = calls.reduce((all, each) => all + each);
    expect(sum).toBeGreaterThan(950);
    expect(sum).toBeLessThanOrEqual(1_000 + 100 + 4);
    for (const each of calls) expect(each).toBeCloseTo(250, -2);
  });

  it("reports every 6 s where the limit is ample, and at once when it is not", async () => {
    const { staged, load } = fleet(1);
    await load([20], 10_000);
    staged.reports.length = 0;
    await load([20], 60_000);
    expect(staged.reports).toHaveLength(10);
    staged.reports.length = 0;
    await load([200], 2_000);
    expect(staged.reports.length).toBeGreaterThan(1);
  });

  it("takes back from who is calm what another needs, within 9 s", async () => {
    const { staged, load } = fleet(2);
    await load([20, 20], 30_000);
    staged.reports.length = 0;
    await load([20, 20], 12_000);
    expect(staged.reports).toHaveLength(4);
    await load([20, 70], 9_000);
    expect(await load([20, 70], 10_000)).toEqual([200, 700]);
  });

  it("gives what one does not need to those that do", async () => {
    const { load } = fleet(2);
    await load([200, 10], 10_000);
    const [busy = 0, idle = 0] = await load([200, 10], 10_000);
    expect(idle).toBe(100);
    expect(busy).toBeGreaterThan(850);
    expect(busy + idle).toBeLessThanOrEqual(1_100);
  });

  it("asks the home once in two seconds, and not for each call", async () => {
    const { load, staged } = fleet(1);
    await load([80], 20_000);
    expect(staged.reports.length).toBeLessThanOrEqual(12);
    expect(new Set(staged.reports.map(({ replica }) => replica)).size).toBe(1);
  });

  it("says soon that it wants more, but not with each call that it refuses", async () => {
    const { load, staged } = fleet(2);
    await load([10, 10], 6_000);
    const before = staged.reports.length;
    await load([500, 10], 1_000);
    expect(staged.reports.length - before).toBeGreaterThanOrEqual(1);
    expect(staged.reports.length - before).toBeLessThanOrEqual(6);
  });

  it("keeps to its part of the fleet once its lease has ended and the home is out of reach", async () => {
    const { load, staged, replicas } = fleet(4);
    await load([100, 100, 100, 100], 6_000);
    staged.way = "cut";
    await load([100, 100, 100, 100], 7_000);
    const calls = await load([100, 100, 100, 100], 10_000);
    for (const each of calls) expect(Math.abs(each - 250)).toBeLessThan(30);
    expect(replicas[0]?.sink.of("store.failed")[0]).toMatchObject({ circuit: "search:limit", kind: "Error" });
  });

  it("leaves a home that hangs alone for longer and longer, and says so", async () => {
    const { load, staged, replicas } = fleet(1);
    staged.way = "silent";
    await load([10], 40_000);
    expect(staged.reports.length).toBe(4);
    expect(replicas[0]?.sink.of("store.failed").map(({ kind, retryIn }) => [kind, retryIn])).toEqual([
      ["timeout", 10_000],
      ["timeout", 20_000],
      ["timeout", 30_000],
    ]);
  });

  it("takes a home that holds something else under its name for one that failed", async () => {
    const { load, staged, replicas } = fleet(1);
    staged.way = "something else";
    await load([10], 1_000);
    expect(replicas[0]?.sink.of("store.failed")).toEqual([expect.objectContaining({ kind: "TypeError" })]);
  });

  it("takes no lease from a home that forgot, nor one that came too late", async () => {
    const { load, staged, replicas } = fleet(1);
    await load([80], 3_000);
    staged.answer = { epoch: 0, share: 0.01 } as Partial<View>;
    const before = staged.reports.length;
    await load([80], 2_000);
    expect(staged.reports.length).toBeGreaterThan(before);
    expect(replicas[0]?.policy.available).toBeGreaterThan(50);
  });

  it("drops what an answer says that comes after another one of the same report", async () => {
    const clock = new ManualClock();
    const answers: (() => void)[] = [];
    let record: SharedRecord | undefined;
    const store: Store = {
      sync: (_, report) =>
        new Promise((resolve, reject) => {
          const [after, view] = coordinate(record, report, clock.now());
          record = after;
          answers.push(() => (answers.length > 2 ? reject(new Error("late")) : resolve(view)));
        }),
    };
    const policy = rateLimit({ limit: 100, shared: sharedBy(store) });
    const { call, sink } = stage(policy, { clock });
    call();
    await clock.advance(5_500);
    call();
    await clock.advance(0);
    answers[1]?.();
    await clock.advance(0);
    answers[0]?.();
    await clock.advance(3_000);
    call();
    await clock.advance(0);
    expect(answers.length).toBe(3);
    expect(sink.of("store.failed").map(({ kind }) => kind)).toEqual(["timeout"]);
    answers[0]?.();
    await clock.advance(0);
  });

  it("tells no failure of a report that was answered meanwhile", async () => {
    const clock = new ManualClock();
    const fails: (() => void)[] = [];
    let record: SharedRecord | undefined;
    const store: Store = {
      async sync(_: string, report: Report): Promise<View> {
        const [after, view] = coordinate(record, report, clock.now());
        record = after;
        if (fails.length > 0) return view;
        return new Promise((_, reject) => fails.push(() => reject(new Error("late"))));
      },
    };
    const { call, sink } = stage(rateLimit({ limit: 100, shared: sharedBy(store) }), { clock });
    call();
    await clock.advance(5_000);
    call();
    await clock.advance(0);
    fails[0]?.();
    await clock.advance(0);
    expect(sink.of("store.failed").map(({ kind }) => kind)).toEqual(["timeout"]);
  });

  it("asks in its turn where so many have news that all at once would be too much", async () => {
    const { load, staged } = fleet(1);
    staged.answer = { urgency: 0 } as Partial<View>;
    await load([10], 2_100);
    const before = staged.reports.length;
    await load([1_000], 1_500);
    expect(staged.reports.length - before).toBeLessThanOrEqual(1);
  });

  it("waits for its turn, gives a turn back, and remembers, as any other limiter does", async () => {
    const clock = new ManualClock();
    const { fleet: _, ...store } = { ...sharedBy({ sync: async () => Promise.reject(new Error("down")) }) };
    expect(store.limiter).toBeDefined();
    const shared = sharedBy({ sync: async () => Promise.reject(new Error("down")) });
    const policy = rateLimit({ limit: 10, shared, maximumWait: "2s" });
    expect(policy.available).toBe(1);
    const { call, origin } = stage(policy, { clock });
    call();
    const controller = new AbortController();
    const waiting = call({ signal: controller.signal });
    await clock.advance(0);
    expect(origin.calls.length).toBe(1);
    controller.abort("no more");
    await clock.advance(0);
    expect(waiting.error).toBe("no more");
    const saved = policy.snapshot();
    expect(saved.used).toBeCloseTo(1);
    policy.restore({ used: 0 });
    expect(policy.available).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it.each([
    ["an algorithm", { algorithm: slidingLog() }],
    ["a limiter", { limiter: {} as never }],
  ])("refuses %s beside a home, which is one", (_, options) => {
    const shared = sharedBy({ sync: async () => Promise.reject(new Error("down")) });
    expect(() => rateLimit({ limit: 10, shared, ...options })).toThrow(TypeError);
    expect(() => rateLimit({ limit: 10, shared: {} as never })).toThrow("rateLimit: shared must be a home");
  });
});
