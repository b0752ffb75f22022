import { type Lease, type LeaseOptions, lease, type Report, type Store, type View } from "ninelives";
import { ManualClock, type RecordingSink, recordingSink, seededRandom } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { coordinate, isNews, type SharedRecord, viewOf } from "../../src/state/coordinator.ts";

/** A home, whose ways to it the test can break, and candidates under one clock. */
function stage({ pushes = false } = {}) {
  const clock = new ManualClock();
  const listeners = new Map<string, (view: View) => void>();
  const staged = {
    clock,
    record: undefined as SharedRecord | undefined,
    reports: [] as Report[],
    way: "open" as "open" | "cut" | "silent" | "something else",
    store: {
      async sync(_: string, report: Report, onNews: (view: View) => void): Promise<View> {
        staged.reports.push(report);
        listeners.set(report.replica, onNews);
        if (staged.way === "cut") throw new Error("unreachable");
        if (staged.way === "silent") return new Promise(() => {});
        if (staged.way === "something else") return { epoch: 1, nextSync: 1 } as View;
        const before = staged.record;
        const [record, view] = coordinate(before, report, clock.now());
        staged.record = record;
        if (pushes && isNews(before, record)) staged.push(viewOf(record), report.replica);
        return view;
      },
    } satisfies Store,
    push(view: View, except?: string): void {
      for (const [replica, listener] of listeners) if (replica !== except) listener(view);
    },
    candidate(seed: number, options: LeaseOptions = {}): { leader: Lease; sink: RecordingSink } {
      const sink = recordingSink();
      const environment = { clock, random: seededRandom(seed), sink };
      return { leader: lease(staged.store, "primary", { environment, ...options }), sink };
    },
  };
  return staged;
}

describe("lease", () => {
  it.each([
    ["lease: ttl", { ttl: 0 }],
    ['lease has no option "tll"', { tll: "5s" }],
  ])("refuses wrong options: %s", (message, options) => {
    expect(() => lease(stage().store, "primary", options as LeaseOptions)).toThrow(message);
  });

  it("does nothing before it is asked to", async () => {
    const { candidate, clock, reports } = stage();
    const { leader } = candidate(1);
    await clock.advance(60_000);
    expect([leader.state, leader.token, leader.name]).toEqual(["idle", undefined, "primary"]);
    expect(reports).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it("is held by one of those that ask, who keeps it, and keeps no process alive", async () => {
    const { candidate, clock } = stage();
    const all = [1, 2, 3].map((seed) => candidate(seed));
    for (const { leader } of all) leader.start();
    all[0]?.leader.start();
    await clock.advance(100_000);
    expect(all.map(({ leader }) => leader.state).toSorted()).toEqual(["held", "waiting", "waiting"]);
    expect(all.flatMap(({ sink }) => sink.of("lease.acquired"))).toHaveLength(1);
    expect(all.flatMap(({ sink }) => sink.of("lease.lost"))).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it("gives its token to those that wait for it, at once when it is held", async () => {
    const { candidate, clock } = stage();
    const { leader } = candidate(1);
    const waiting = leader.whenHeld();
    await clock.advance(0);
    const token = await waiting;
    expect(token).toBe(leader.token);
    await expect(leader.whenHeld()).resolves.toBe(token);
  });

  it("goes to another with a higher token when its holder gives it up", async () => {
    const { candidate, clock } = stage();
    const [a, b] = [candidate(1), candidate(2)];
    a.leader.start();
    await clock.advance(0);
    const first = a.leader.token as number;
    const next = b.leader.whenHeld();
    await clock.advance(1_000);
    const released = a.leader.release();
    expect([a.leader.state, a.leader.token]).toEqual(["idle", undefined]);
    await clock.advance(2_100);
    await released;
    expect(await next).toBeGreaterThan(first);
    expect(a.sink.of("lease.lost")).toEqual([
      expect.objectContaining({ lease: "primary", token: first, reason: "released" }),
    ]);
    await clock.advance(60_000);
    expect([a.leader.state, b.leader.state]).toEqual(["idle", "held"]);
  });

  it("goes to another within its time when its holder is gone", async () => {
    const { candidate, clock, store } = stage();
    const gone = lease(store, "primary", { ttl: "9s", environment: { clock } });
    await gone.renew();
    expect(gone.state).toBe("held");
    const { leader } = candidate(2, { ttl: "9s" });
    leader.start();
    await clock.advance(8_100);
    expect([gone.state, leader.state]).toEqual(["waiting", "waiting"]);
    await clock.advance(1_100);
    expect(leader.state).toBe("held");
  });

  it("ends by its holder's own clock when the home is out of reach, before the home gives it away", async () => {
    const staged = stage();
    const { leader, sink } = staged.candidate(1, { ttl: "10s" });
    leader.start();
    await staged.clock.advance(0);
    const { token } = leader;
    staged.way = "cut";
    await staged.clock.advance(8_999);
    expect(leader.token).toBe(token);
    await staged.clock.advance(1);
    expect(leader.state).toBe("waiting");
    expect(sink.of("lease.lost")).toEqual([expect.objectContaining({ token, reason: "expired" })]);
    expect(sink.of("store.failed")[0]).toMatchObject({ circuit: "primary:lease", kind: "Error" });
    staged.way = "open";
    await staged.clock.advance(60_000);
    expect(leader.token).toBeGreaterThan(token as number);
  });

  it("asks a home that hangs less and less often, and says so", async () => {
    const staged = stage();
    const { leader, sink } = staged.candidate(1);
    staged.way = "silent";
    leader.start();
    await staged.clock.advance(60_000);
    const failed = sink.of("store.failed");
    expect(new Set(failed.map(({ kind }) => kind))).toEqual(new Set(["timeout"]));
    const pauses = failed.map(({ retryIn }) => retryIn);
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
    expect(staged.reports.length).toBeLessThanOrEqual(5);
  });

  it("takes a home that holds something else under its name for one that failed", async () => {
    const staged = stage();
    const { leader, sink } = staged.candidate(1);
    staged.way = "something else";
    await leader.renew();
    expect(leader.state).toBe("waiting");
    expect(sink.of("store.failed")).toEqual([expect.objectContaining({ kind: "TypeError" })]);
    staged.push({ epoch: 9, nextSync: 1 } as View);
    expect(leader.state).toBe("waiting");
  });

  describe("whose holder asks itself whether it is fit", () => {
    it("is given up as soon as it is not, and asked for when it is again", async () => {
      const staged = stage();
      let fit = true;
      const a = staged.candidate(1, { healthy: () => fit });
      const b = staged.candidate(2);
      a.leader.start();
      await staged.clock.advance(0);
      b.leader.start();
      fit = false;
      await staged.clock.advance(8_000);
      expect([a.leader.state, b.leader.state]).toEqual(["waiting", "held"]);
      expect(a.sink.of("lease.lost")).toEqual([expect.objectContaining({ reason: "unhealthy" })]);
      const reports = staged.reports.filter(({ replica }) => replica === staged.reports[0]?.replica).length;
      await staged.clock.advance(30_000);
      expect(staged.reports.filter(({ replica }) => replica === staged.reports[0]?.replica).length).toBe(
        reports,
      );
      fit = true;
      await b.leader.release();
      await staged.clock.advance(8_000);
      expect(a.leader.state).toBe("held");
    });

    it("is given up by one that throws, rejects, or does not answer within a third of its time", async () => {
      for (const healthy of [
        () => Promise.reject(new Error("no")),
        () => new Promise<boolean>(() => {}),
        () => {
          throw new Error("no");
        },
      ]) {
        const { candidate, clock, reports } = stage();
        const { leader } = candidate(1, { healthy, ttl: "9s" });
        leader.start();
        await clock.advance(3_100);
        expect(leader.state).toBe("waiting");
        expect(reports).toEqual([]);
      }
    });
  });

  describe("that somebody waits for", () => {
    it("lets go of who gives up, with its reason", async () => {
      const staged = stage();
      const controller = new AbortController();
      const { leader } = staged.candidate(1);
      staged.way = "cut";
      const waiting = leader.whenHeld({ signal: controller.signal });
      controller.abort("enough");
      await expect(waiting).rejects.toBe("enough");
      await expect(leader.whenHeld({ signal: controller.signal })).rejects.toBe("enough");
    });

    it("tells them when it is asked for no more", async () => {
      const staged = stage();
      const { leader } = staged.candidate(1);
      staged.way = "cut";
      const waiting = leader.whenHeld();
      const released = leader.release();
      await expect(waiting).rejects.toMatchObject({ kind: "lease-released", policy: "primary" });
      await released;
      await staged.clock.advance(60_000);
      expect(leader.state).toBe("idle");
    });
  });

  it("is given up in the end by one that was asked to while its report was under way", async () => {
    const staged = stage();
    const { leader } = staged.candidate(1);
    let answer: () => void = () => {};
    const { sync } = staged.store;
    staged.store.sync = async (name, report, onNews) => {
      const view = await sync(name, report, onNews);
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return view;
    };
    leader.start();
    await staged.clock.advance(0);
    await leader.release();
    staged.store.sync = sync;
    answer();
    await staged.clock.advance(0);
    expect(leader.state).toBe("idle");
    await leader.release();
    expect(staged.record).toMatchObject({ holder: "" });
  });

  it("hears of an end at once where the home can push, and asks then", async () => {
    const staged = stage({ pushes: true });
    const [a, b] = [staged.candidate(1), staged.candidate(2)];
    a.leader.start();
    await staged.clock.advance(0);
    b.leader.start();
    await staged.clock.advance(500);
    await a.leader.release();
    await staged.clock.advance(20);
    expect(b.leader.state).toBe("held");
    const before = viewOf(staged.record as SharedRecord);
    staged.push({ ...before, epoch: before.epoch - 1 });
    expect(b.leader.state).toBe("held");
    staged.push({ ...before, epoch: before.epoch + 1 });
    expect(b.leader.state).toBe("waiting");
    expect(b.sink.of("lease.lost")).toEqual([expect.objectContaining({ reason: "taken" })]);
  });

  it("is renewed without timers where somebody rides by", async () => {
    const { candidate, clock } = stage();
    const { leader } = candidate(1, { ttl: "9s" });
    for (let ride = 0; ride < 10; ride++) {
      await leader.renew();
      expect(leader.state).toBe("held");
      await clock.advance(4_000);
    }
    expect(clock.pending).toBe(0);
    await clock.advance(9_000);
    expect(leader.state).toBe("waiting");
  });

  it("refuses the answer of a home that forgot, whose tokens are older", async () => {
    const staged = stage();
    const { leader } = staged.candidate(1);
    await staged.clock.advance(50_000);
    await leader.renew();
    const { token } = leader;
    const { sync } = staged.store;
    staged.store.sync = async (name, report, onNews) =>
      ({
        ...(await sync(name, report, onNews)),
        epoch: 1,
        held: true,
      }) as View;
    await staged.clock.advance(6_000);
    await leader.renew();
    expect(leader.token).toBe(token);
    await staged.clock.advance(9_000);
    expect(leader.token).toBeUndefined();
  });

  it("works by the platform's clock, too", async () => {
    const { store } = stage();
    const leader = lease(store, "primary");
    await leader.renew();
    expect(leader.state).toBe("held");
    await leader.release();
    expect(leader.state).toBe("idle");
  });
});
