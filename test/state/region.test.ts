import { describe, expect, it } from "vitest";
import { type CircuitRecord, coordinate, mustStore } from "../../src/state/coordinator.ts";
import {
  answeredByRoot,
  answerInRegion,
  isDue,
  lostRoot,
  mustStoreRegion,
  newRegion,
  type RegionRecord,
  reportToRoot,
  takeInRegion,
} from "../../src/state/region.ts";
import type { CircuitReport, CircuitView } from "../../src/state/sync.ts";

const rules = {
  openFor: 10_000,
  maximumOpenFor: 80_000,
  probes: 1,
  successesToClose: 1,
  minimumCalls: 10,
  failureRate: 0.5,
};
const quiet = { ok: 0, fail: 0, slow: 0, open: false, wantsProbe: false, rules };

/** A root and the homes of regions, with a clock that the test sets and messages that it may lose. */
function fleet() {
  const seqs = new Map<string, number>();
  const regions = new Map<string, RegionRecord>();
  const staged = {
    now: 0,
    /** 0 to 1. */
    chance: 0,
    reached: true,
    root: undefined as CircuitRecord | undefined,
    /** What the root was told, in order. */
    told: [] as CircuitReport[],
    region: (name: string): RegionRecord => regions.get(name) as RegionRecord,
    loses: (name: string) => regions.delete(name),
    /** A report straight to the root. */
    merge(report: CircuitReport): CircuitView {
      const [record, view] = coordinate(staged.root, report, staged.now);
      staged.root = JSON.parse(JSON.stringify(record));
      return view;
    },
    /** The home tells the root, whose answer comes back if it is reached. */
    tell(name: string): void {
      const [telling, report] = reportToRoot(staged.region(name));
      regions.set(name, telling);
      if (!staged.reached) {
        regions.set(name, lostRoot(telling, staged.now, 0));
        return;
      }
      staged.told.push(report);
      const view = staged.merge(report);
      regions.set(
        name,
        answeredByRoot(staged.region(name), report, view, telling.time, staged.now, staged.chance),
      );
    },
    /** A new report of a replica, named `<region> <number>`, that knows its region's epoch unless told otherwise. */
    report(replica: string, says: Partial<CircuitReport> = {}): CircuitView | undefined {
      const seq = (seqs.get(replica) ?? 0) + 1;
      seqs.set(replica, seq);
      const [name = ""] = replica.split(" ");
      return staged.send(name, { replica, seq, epoch: regions.get(name)?.epoch ?? 0, ...quiet, ...says });
    },
    send(name: string, report: CircuitReport): CircuitView | undefined {
      const record = regions.get(name) ?? newRegion(name, `home of ${name} ${staged.now}`, staged.now);
      const [taken, repeated] = takeInRegion(record, report, staged.now);
      regions.set(name, taken);
      if (isDue(taken)) staged.tell(name);
      const [answered, view] = answerInRegion(staged.region(name), report, repeated);
      regions.set(name, JSON.parse(JSON.stringify(answered)));
      return view;
    },
    /** All of these report once more, one after the other, when all slots have come. */
    all(replicas: readonly string[], says: Partial<CircuitReport> = {}): (CircuitView | undefined)[] {
      staged.now += 2_100;
      return replicas.map((replica) => {
        staged.now += 600;
        return staged.report(replica, says);
      });
    },
  };
  return staged;
}

/** Of each of these regions so many replicas, which have been heard of everywhere. */
function met(sizes: Record<string, number>) {
  const staged = fleet();
  const replicas = Object.entries(sizes).flatMap(([name, size]) =>
    Array.from({ length: size }, (_, number) => `${name} ${number}`),
  );
  staged.all(replicas);
  // For a minute a home may follow one that was lost, and counts nothing.
  staged.now += 60_000;
  staged.all(replicas);
  staged.all(replicas);
  return { ...staged, staged, replicas };
}

/** A fleet whose circuit is half-open, as all have heard. */
function halfOpen(sizes: Record<string, number>) {
  const { staged, replicas } = met(sizes);
  staged.all(replicas, { open: true });
  expect(staged.root?.state).toBe("open");
  staged.now += 10_000;
  staged.all(replicas);
  expect(staged.root?.state).toBe("half-open");
  staged.all(replicas);
  return { staged, replicas };
}

describe("a region", () => {
  it("asks the root before it answers its first replica, and passes on what that says", () => {
    const staged = fleet();
    expect(staged.report("west 0")).toEqual({
      epoch: 1,
      state: "closed",
      reason: "failures",
      remaining: 0,
      openFor: 0,
      nextSync: 2_000,
    });
    expect(staged.told).toMatchObject([{ seq: 1, epoch: 0, region: { name: "west", size: 1, votes: 0 } }]);
  });

  it("gives no word of its own where the root gives none", () => {
    const staged = fleet();
    staged.reached = false;
    expect(staged.report("west 0")).toBeUndefined();
  });

  it("tells the root for all of its replicas, and how many they are", () => {
    const { staged } = met({ west: 5, east: 3 });
    expect(staged.root?.fleet).toBe(8);
    expect(staged.root?.members.map(({ size }) => size).sort()).toEqual([3, 5]);
  });

  it("tells the root what was counted, once", () => {
    const { staged } = met({ west: 2 });
    staged.all(["west 0", "west 1"], { ok: 3, fail: 1, slow: 1 });
    staged.all(["west 0"]);
    staged.all(["west 0"]);
    expect(staged.root?.counts).toEqual({ ok: 6, fail: 2, slow: 2 });
  });

  it("sends a report of unknown fate again unchanged, later and later", () => {
    const { staged } = met({ west: 1 });
    staged.reached = false;
    staged.all(["west 0"], { ok: 3 });
    const lost = staged.region("west").unanswered;
    staged.report("west 0", { ok: 4, open: true });
    const { dueAt, time } = staged.region("west");
    expect(dueAt - time).toBe(2_000);
    staged.all(["west 0"]);
    expect(staged.region("west").dueAt - staged.region("west").time).toBe(4_000);
    expect(staged.region("west").unanswered).toEqual(lost);
    staged.reached = true;
    staged.now += 4_000;
    staged.report("west 0");
    staged.all(["west 0"]);
    expect(staged.told.slice(-2)).toMatchObject([{ ok: 3 }, { ok: 4, seq: (lost?.seq ?? 0) + 1 }]);
  });

  it("takes a report once, however often it comes", () => {
    const { staged } = met({ west: 1 });
    const report = { replica: "west 0", seq: 9, epoch: 1, ...quiet, ok: 5 };
    staged.send("west", report);
    staged.send("west", report);
    expect(staged.region("west").counts.ok).toBe(5);
  });

  it("that lost its record counts no report that the home before may have counted", () => {
    const { staged } = met({ west: 1 });
    const report = { replica: "west 0", seq: 9, epoch: 1, ...quiet, ok: 5 };
    staged.send("west", report);
    staged.all(["west 0"]);
    expect(staged.root?.counts.ok).toBe(5);
    staged.loses("west");
    staged.send("west", { ...report, seq: 1, epoch: 0 });
    staged.send("west", report);
    staged.now += 60_000;
    staged.send("west", { ...report, replica: "west 1" });
    staged.send("west", { ...report, seq: 99, ok: 2 });
    staged.all(["west 0"]);
    staged.all(["west 0"]);
    expect(staged.root?.counts.ok).toBe(7);
  });

  it("takes no counts and no vote of another epoch", () => {
    const { staged } = met({ west: 1 });
    staged.report("west 0", { epoch: 0, ok: 5, open: true });
    expect(staged.region("west").counts.ok).toBe(0);
    expect(staged.region("west").members).toMatchObject([{ open: false }]);
  });

  it("tells of votes at once, but not again and again", () => {
    const { staged } = met({ west: 9 });
    const before = staged.told.length;
    staged.now += 600;
    for (let each = 0; each < 4; each++) staged.report(`west ${each}`, { open: true });
    expect(staged.told.length).toBe(before + 1);
    staged.now += 600;
    staged.report("west 4", { open: true });
    expect(staged.told.at(-1)).toMatchObject({ open: true, region: { size: 9, votes: 5 } });
  });

  it("tells of votes in its turn where so many regions have news that all at once would be too much", () => {
    const { staged } = met({ west: 9 });
    const { view, ...west } = staged.region("west");
    const [taken] = takeInRegion(
      { ...west, view: { ...(view as CircuitView), urgency: 0.1 }, chance: 0.5 },
      { replica: "west 0", seq: 9, epoch: 1, ...quiet, open: true },
      staged.now + 300,
    );
    expect(isDue(taken)).toBe(false);
  });

  it("passes on an opening, with what is left of it, and asks when that is over", () => {
    const { staged, replicas } = met({ west: 2, east: 1 });
    staged.all(replicas, { open: true });
    expect(staged.root?.state).toBe("open");
    staged.now += 600;
    expect(staged.report("east 0", { wantsProbe: true })).toMatchObject({ state: "open", remaining: 8_800 });
    const before = staged.told.length;
    staged.now += 8_800;
    expect(staged.report("east 0", { wantsProbe: true })?.state).toBe("half-open");
    expect(staged.told.length).toBe(before + 1);
  });

  it("keeps those with calls waiting from asking again and again while the root is being asked", () => {
    const { staged, replicas } = met({ west: 2 });
    staged.all(replicas, { open: true });
    staged.now += 10_000;
    const { time, ...west } = staged.region("west");
    const asking = { replica: "west 0", seq: 60, epoch: west.epoch, ...quiet, wantsProbe: true };
    const [, view] = answerInRegion({ ...west, time: time + 10_000 }, asking, false);
    expect(view).toMatchObject({ state: "open", remaining: 1_000 });
  });

  it("gives the open circuit's word as long as that holds when the root is gone, and then none", () => {
    const { staged, replicas } = met({ west: 2 });
    staged.all(replicas, { open: true });
    staged.reached = false;
    staged.now += 900;
    expect(staged.report("west 0")).toMatchObject({ state: "open", remaining: 9_100 });
    staged.now += 9_200;
    expect(staged.report("west 0", { wantsProbe: true })).toBeUndefined();
    staged.reached = true;
    staged.now += 8_000;
    expect(staged.report("west 0", { wantsProbe: true })?.state).toBe("half-open");
  });

  it("gives the closed circuit's word on when the root is gone: replicas then decide by themselves", () => {
    const { staged } = met({ west: 2 });
    staged.reached = false;
    for (let each = 0; each < 20; each++) {
      expect(staged.all(["west 0"])).toMatchObject([{ state: "closed" }]);
    }
  });

  it("gives no word of a half-open circuit whose root is gone", () => {
    const { staged } = halfOpen({ west: 2 });
    staged.reached = false;
    expect(staged.all(["west 0"])).toEqual([undefined]);
  });

  it("asks the root at once when a replica knows more", () => {
    const { staged } = met({ west: 2 });
    const view = staged.report("west 0", { epoch: 40, ok: 1 });
    expect(staged.root?.epoch).toBe(41);
    expect(view?.epoch).toBe(41);
  });

  it("ignores what a root says of an epoch that is over", () => {
    const { staged } = met({ west: 1 });
    const [telling, report] = reportToRoot({ ...staged.region("west"), epoch: 5 });
    const old = { ...staged.merge(report), epoch: 4, state: "open" as const };
    const record = answeredByRoot(telling, report, old, telling.time, staged.now, 0);
    expect(record).toMatchObject({ epoch: 5, view: { state: "closed" }, lost: 0 });
  });

  it("ignores an answer to a report that was answered before", () => {
    const { staged } = met({ west: 1 });
    const [telling, report] = reportToRoot(staged.region("west"));
    const view = staged.merge(report);
    const answered = answeredByRoot(telling, report, view, telling.time, staged.now, 0);
    const again = answeredByRoot(answered, report, { ...view, epoch: 99 }, 0, staged.now, 0);
    expect(again.epoch).toBe(1);
  });

  it("passes on how long a failure asked to wait", () => {
    const { staged } = met({ west: 2 });
    staged.now += 600;
    staged.report("west 0", { open: true, asked: 5_000 });
    staged.now += 600;
    staged.report("west 1", { open: true });
    expect(staged.told.some(({ asked }) => asked === 5_000)).toBe(true);
  });

  it("asks no second of its replicas for more than its share, and fewer of them for news", () => {
    const staged = fleet();
    for (let each = 0; each < 400; each++) staged.report(`west ${each}`);
    const view = staged.report("west 400");
    expect(view?.nextSync).toBeGreaterThan(5_000);
    expect(view?.urgency).toBeCloseTo(0.1, 1);
    // The root is told of 400, but by one.
    staged.all(["west 0"]);
    expect(staged.root?.fleet).toBeGreaterThan(250);
    expect(staged.merge({ replica: "x", seq: 1, epoch: 1, ...quiet })).not.toHaveProperty("urgency");
  });

  it("must store what a crash must not undo: what the root is told, votes, permits, epochs, its growth", () => {
    const { staged } = met({ west: 8 });
    const west = staged.region("west");
    expect(mustStoreRegion(undefined, west)).toBe(true);
    expect(mustStoreRegion(west, west)).toBe(false);
    const counted = takeInRegion(west, { replica: "west 0", seq: 9, epoch: 1, ...quiet, ok: 1 }, staged.now);
    expect(mustStoreRegion(west, counted[0])).toBe(false);
    const [voted] = takeInRegion(
      west,
      { replica: "west 0", seq: 9, epoch: 1, ...quiet, open: true },
      staged.now,
    );
    expect(mustStoreRegion(west, voted)).toBe(true);
    expect(mustStoreRegion(west, reportToRoot(west)[0])).toBe(true);
    expect(mustStoreRegion(west, { ...west, epoch: 2 })).toBe(true);
    expect(mustStoreRegion(west, { ...west, fleet: 10 })).toBe(true);
  });
});

describe("regions together", () => {
  it("open when a majority of all replicas says so, wherever they are", () => {
    const { staged, replicas } = met({ west: 4, east: 3, north: 2 });
    staged.all(replicas.slice(0, 4), { open: true });
    expect(staged.root?.state).toBe("closed");
    staged.report("north 0", { open: true });
    staged.now += 600;
    staged.report("north 1", { open: true });
    expect(staged.root?.state).toBe("open");
  });

  it("do not open by majorities of regions that are a minority of the replicas", () => {
    const { staged, replicas } = met({ west: 3, east: 3, north: 3 });
    const bad = ["west 0", "west 1", "east 0", "east 1"];
    for (let round = 0; round < 5; round++) {
      staged.all(replicas.filter((replica) => !bad.includes(replica)));
      for (const replica of bad) staged.report(replica, { open: true });
    }
    expect(staged.root?.state).toBe("closed");
  });

  it("open by the counts of replicas that have few calls, where all of them have enough", () => {
    const { staged, replicas } = met({ west: 3, east: 2 });
    staged.all(replicas, { few: true, fail: 2, ok: 1 });
    expect(staged.root?.state).toBe("closed");
    staged.all(replicas, { few: true, fail: 2, ok: 1 });
    staged.all(replicas, { few: true });
    expect(staged.root?.state).toBe("open");
  });

  it("count replicas that report to the root themselves", () => {
    const { staged, replicas } = met({ west: 2 });
    for (const replica of ["process 1", "process 2"]) staged.merge({ replica, seq: 1, epoch: 1, ...quiet });
    staged.all(replicas, { open: true });
    expect(staged.root?.state).toBe("closed");
    staged.merge({ replica: "process 1", seq: 2, epoch: 1, ...quiet, open: true });
    expect(staged.root?.state).toBe("open");
  });

  it("count a region once when its home lost all it knew, and what the old one still says not at all", () => {
    const { staged, replicas } = met({ west: 4, east: 5 });
    staged.all(replicas.slice(0, 4), { open: true });
    staged.loses("west");
    for (let round = 0; round < 3; round++) staged.all(replicas.slice(0, 4), { open: true });
    expect(staged.root).toMatchObject({ state: "closed", fleet: expect.closeTo(9, 0) });
    const homes = staged.root?.members.filter(({ region }) => region?.name === "west");
    expect(homes).toMatchObject([
      { size: 0, region: { votes: 0 } },
      { size: 4, region: { votes: 4 } },
    ]);
  });

  it("keep what a region said when it speaks of another epoch", () => {
    const { staged, replicas } = met({ west: 2, east: 3 });
    staged.all(replicas.slice(0, 2), { open: true });
    const [, report] = reportToRoot(staged.region("west"));
    staged.merge({ ...report, seq: 99, epoch: 0 });
    staged.merge({
      ...report,
      replica: "home of south",
      seq: 1,
      epoch: 0,
      region: { name: "south", size: 1, votes: 1, failing: 0, calls: 0 },
    });
    const votes = staged.root?.members.map(({ region }) => [region?.name, region?.votes]);
    expect(votes).toEqual([
      ["east", 0],
      ["west", 2],
      ["south", 0],
    ]);
  });

  it("must store a region's votes before they are told", () => {
    const { staged, replicas } = met({ west: 3, east: 4 });
    const before = staged.root;
    staged.all(replicas.slice(0, 1), { open: true });
    expect(mustStore(before, staged.root as CircuitRecord)).toBe(true);
  });
});

describe("a probe of a region", () => {
  it("has the root's one permit, for the first replica that has a call to probe with", () => {
    const { staged, replicas } = halfOpen({ west: 3, east: 2 });
    const views = staged.all(replicas, { wantsProbe: true });
    expect(views.filter((view) => view?.permit !== undefined)).toHaveLength(1);
    expect(views[0]?.permit?.ttl).toBeGreaterThan(1_000);
  });

  it("waits for a replica that has a call, and comes again with a repeated report", () => {
    const { staged } = halfOpen({ west: 3 });
    staged.now += 600;
    // Another report carries the wish to the root.
    const { dueAt, ...west } = staged.region("west");
    const [wanting] = takeInRegion(
      { ...west, dueAt: dueAt + 9_000 },
      { replica: "west 0", seq: 50, epoch: west.epoch, ...quiet, wantsProbe: true },
      staged.now,
    );
    expect(wanting.wantsProbe).toBe(true);
    const [telling, report] = reportToRoot(wanting);
    const granted = answeredByRoot(telling, report, staged.merge(report), telling.time, staged.now, 0);
    expect(granted.permits).toMatchObject([{ replica: "" }]);
    const asking = (replica: string, wantsProbe: boolean): CircuitReport => ({
      replica,
      seq: 51,
      epoch: west.epoch,
      ...quiet,
      wantsProbe,
    });
    const [kept, none] = answerInRegion(granted, asking("west 1", false), false);
    expect(none).not.toHaveProperty("permit");
    const [handed, first] = answerInRegion(kept, asking("west 2", true), false);
    expect(first?.permit).toBeDefined();
    const [, again] = answerInRegion(handed, asking("west 2", true), true);
    expect(again?.permit?.id).toBe(first?.permit?.id);
  });

  it("that succeeds closes the circuit, told at once", () => {
    const { staged, replicas } = halfOpen({ west: 2, east: 2 });
    const [view] = staged.all(replicas, { wantsProbe: true });
    const permit = view?.permit?.id ?? "";
    staged.now += 10;
    expect(staged.report("west 0", { probe: { permit, ok: true } })?.state).toBe("closed");
    expect(staged.told.at(-1)?.probe).toEqual({ permit, ok: true, by: "west 0" });
  });

  it("must fail in two replicas of one region where there are two: one bad node cannot hold it open", () => {
    const { staged, replicas } = halfOpen({ west: 2 });
    const fails = (views: readonly (CircuitView | undefined)[], replica: string) => {
      const permit = views.find((view) => view?.permit !== undefined)?.permit?.id ?? "";
      staged.now += 10;
      staged.report(replica, { probe: { permit, ok: false } });
    };
    fails(staged.all(replicas, { wantsProbe: true }), "west 0");
    expect(staged.root).toMatchObject({ state: "half-open", failers: ["west/west 0"] });
    // It asks again, but another one is to find out.
    const views = staged.all(replicas, { wantsProbe: true });
    expect(views[0]).not.toHaveProperty("permit");
    fails([views[1]], "west 1");
    expect(staged.root?.state).toBe("open");
  });

  it("that failed opens it again where the region has one replica and there is no other", () => {
    const { staged, replicas } = halfOpen({ west: 1 });
    const [view] = staged.all(replicas, { wantsProbe: true });
    staged.now += 10;
    staged.report("west 0", { probe: { permit: view?.permit?.id ?? "", ok: false } });
    expect(staged.root?.state).toBe("open");
  });

  it("that failed twice in one replica is one failing prober", () => {
    const { staged } = halfOpen({ west: 3 });
    const west = staged.region("west");
    const fail = (record: RegionRecord, id: string, seq: number): RegionRecord => {
      const given = { id, replica: "west 0", until: record.time + 5_000 };
      const report = {
        replica: "west 0",
        seq,
        epoch: west.epoch,
        ...quiet,
        probe: { permit: id, ok: false },
      };
      return takeInRegion({ ...record, permits: [given] }, report, staged.now)[0];
    };
    expect(fail(fail(west, "a", 60), "b", 61)).toMatchObject({
      failers: ["west 0"],
      probes: [{ permit: "a" }, { permit: "b" }],
    });
  });

  it.each<[string, Partial<RegionRecord["permits"][number]>]>([
    ["without its permit", { id: "another" }],
    ["under another replica's", { replica: "west 1" }],
    ["after its permit", { until: 0 }],
  ])("%s is ignored", (_, given) => {
    const { staged } = halfOpen({ west: 2 });
    const west = staged.region("west");
    const permit = { id: "a", replica: "west 0", until: west.time + 5_000, ...given };
    const [taken] = takeInRegion(
      { ...west, permits: [permit] },
      {
        replica: "west 0",
        seq: 60,
        epoch: west.epoch,
        ...quiet,
        probe: { permit: "a", ok: true },
      },
      staged.now,
    );
    expect(taken.probes).toEqual([]);
  });

  it("is handed on when nobody has it, and forgotten when its time is over", () => {
    const { staged } = halfOpen({ west: 2 });
    const { time, epoch, ...west } = staged.region("west");
    const old = { id: "old", replica: "west 1", until: time - 1 };
    const free = { id: "new", replica: "", until: time + 5_000 };
    const asking = { replica: "west 0", seq: 60, epoch, ...quiet, wantsProbe: true };
    const [handed, view] = answerInRegion({ ...west, time, epoch, permits: [old, free] }, asking, false);
    expect(view?.permit).toEqual({ id: "new", ttl: 5_000 });
    expect(handed.permits).toEqual([{ ...free, replica: "west 0" }]);
  });

  it("is not handed out twice, though the root names it again before it hears how it ended", () => {
    const { staged, replicas } = halfOpen({ west: 2 });
    const [view] = staged.all(replicas, { wantsProbe: true });
    const permit = view?.permit?.id ?? "";
    // A report is under way as the probe ends, and its answer names the permit.
    const [telling, report] = reportToRoot(staged.region("west"));
    const [ended] = takeInRegion(
      telling,
      { replica: "west 0", seq: 60, epoch: telling.epoch, ...quiet, probe: { permit, ok: true } },
      staged.now,
    );
    const named = staged.merge(report);
    expect(named.permit?.id).toBe(permit);
    const answered = answeredByRoot(ended, report, named, telling.time, staged.now, 0);
    expect(answered.permits).toEqual([]);
    // And the outcome goes at once.
    expect(isDue(answered)).toBe(true);
  });

  it("ends while the root is gone: it is told at the root's pace", () => {
    const { staged, replicas } = halfOpen({ west: 2 });
    const [view] = staged.all(replicas, { wantsProbe: true });
    staged.reached = false;
    staged.now += 10;
    const permit = view?.permit?.id ?? "";
    staged.report("west 1", { probe: { permit: "none", ok: true }, epoch: 99 });
    expect(staged.region("west").lost).toBe(1);
    const lost = { ...staged.region("west"), permits: [{ id: permit, replica: "west 0", until: 1e9 }] };
    const [taken] = takeInRegion(
      lost,
      { replica: "west 0", seq: 60, epoch: lost.epoch, ...quiet, open: true, probe: { permit, ok: true } },
      staged.now,
    );
    expect(isDue(taken)).toBe(false);
    expect(taken.probes).toHaveLength(1);
  });
});
