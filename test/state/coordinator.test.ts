import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type CircuitCommand,
  type CircuitRecord,
  command,
  coordinate,
  endsIn,
  expire,
  mustStore,
  newRecord,
  type Quorum,
  revive,
  viewOf,
} from "../../src/state/coordinator.ts";
import type { CircuitReport as Report, CircuitView as View } from "../../src/state/sync.ts";

const rules = { openFor: 1_000, maximumOpenFor: 8_000, probes: 1, successesToClose: 1 };

/** A home whose clock the test sets, and replicas that report as they are told. */
function home({ quorum = "majority" as Quorum, record = undefined as CircuitRecord | undefined } = {}) {
  const seqs = new Map<string, number>();
  const staged = {
    record: record as CircuitRecord,
    now: 0,
    /** A new report by a replica that knows the epoch in force, unless told otherwise. */
    report(replica: string, says: Partial<Report> = {}): View {
      const seq = (seqs.get(replica) ?? 0) + 1;
      seqs.set(replica, seq);
      return staged.send({ replica, seq, epoch: staged.record?.epoch ?? 1, ...quiet, ...says });
    },
    send(report: Report): View {
      const [after, view] = coordinate(staged.record, report, staged.now, quorum);
      staged.record = JSON.parse(JSON.stringify(after));
      return view;
    },
    /** All of these report, and vote. */
    vote(replicas: readonly string[], open: boolean): View[] {
      return replicas.map((replica) => staged.report(replica, { open }));
    },
    /** A fleet of these, whose circuit is half-open now. */
    halfOpen(...replicas: string[]): void {
      staged.vote(replicas, false);
      staged.vote(replicas, true);
      staged.now += staged.record.openFor;
    },
  };
  return staged;
}

const quiet = { ok: 0, fail: 0, slow: 0, open: false, wantsProbe: false, rules };

describe("coordinate", () => {
  it("begins closed, in epoch 1, for whoever comes first", () => {
    const view = home().report("a", { epoch: 0 });
    expect(view).toEqual({
      epoch: 1,
      state: "closed",
      reason: "failures",
      remaining: 0,
      openFor: 0,
      nextSync: 2_000,
    });
  });

  it("changes no record in place", () => {
    const record = Object.freeze({ ...newRecord(0), members: Object.freeze([]), permits: Object.freeze([]) });
    const before = JSON.stringify(record);
    coordinate(record, { replica: "a", seq: 1, epoch: 1, ...quiet, open: true }, 10);
    expect(JSON.stringify(record)).toBe(before);
  });

  describe("counts", () => {
    it("are summed over all replicas, in the epoch in force", () => {
      const staged = home();
      staged.report("a", { ok: 3, fail: 1, slow: 1 });
      staged.report("b", { ok: 2, fail: 2 });
      expect(staged.record.counts).toEqual({ ok: 5, fail: 3, slow: 1 });
    });

    it("of a repeated report count once", () => {
      const staged = home();
      const report: Report = { replica: "a", seq: 7, epoch: 1, ...quiet, fail: 5, open: true };
      staged.send({ ...report, seq: 6, open: false });
      staged.report("b");
      staged.send(report);
      const { counts, members } = staged.record;
      staged.now = 500;
      const view = staged.send(report);
      staged.send({ ...report, seq: 3 });
      expect(staged.record.counts).toEqual(counts);
      expect(staged.record.members).toEqual(members);
      expect(view.epoch).toBe(staged.record.epoch);
    });

    it.each([0, 1, 3])("of epoch %d are ignored in epoch 2, and so is the vote", (epoch) => {
      const staged = home();
      staged.record = command(command(undefined, "open", 0), "close", 0);
      const at = staged.record.epoch;
      expect(at).toBe(3);
      staged.record = { ...staged.record, epoch: 2 };
      staged.report("a", { epoch, fail: 9, open: true });
      expect(staged.record.counts.fail).toBe(0);
      expect(staged.record.state).toBe("closed");
    });

    it("begin anew with each epoch", () => {
      const staged = home();
      staged.report("a", { fail: 4, open: true });
      expect(staged.record.state).toBe("open");
      expect(staged.record.counts).toEqual({ ok: 0, fail: 0, slow: 0 });
    });
  });

  it("leaps past a replica that is ahead: the record was lost, and nobody may be locked out", () => {
    const staged = home();
    const view = staged.report("a", { epoch: 41 });
    expect(view.epoch).toBe(42);
    expect(staged.report("b", { epoch: 3 }).epoch).toBe(42);
  });

  it("leaps without what was said before: it belongs to no epoch that is in force", () => {
    const staged = home();
    staged.report("a", { ok: 3, fail: 4, open: false });
    staged.report("b", { epoch: 7, ok: 1 });
    expect(staged.record).toMatchObject({ epoch: 8, state: "closed", counts: { ok: 0, fail: 0, slow: 0 } });
    expect(staged.record.members[0]).toMatchObject({ replica: "a", calls: 0, fails: 0 });
  });

  describe("opens", () => {
    it.each<[string, number, number, string]>([
      ["a lone replica", 1, 1, "open"],
      ["one of two", 2, 1, "closed"],
      ["two of two", 2, 2, "open"],
      ["one of three", 3, 1, "closed"],
      ["two of three", 3, 2, "open"],
      ["two of four", 4, 2, "closed"],
      ["three of four", 4, 3, "open"],
      ["five of ten", 10, 5, "closed"],
      ["six of ten", 10, 6, "open"],
    ])("by a majority: %s", (_, size, votes, state) => {
      const staged = home();
      const fleet = Array.from({ length: size }, (_, index) => `r${index}`);
      staged.vote(fleet, false);
      staged.vote(fleet.slice(0, votes), true);
      expect(staged.record.state).toBe(state);
    });

    it("by any one where one speaks for all", () => {
      const staged = home({ quorum: "any" });
      staged.vote(["a", "b", "c"], false);
      staged.report("b", { open: true });
      expect(staged.record.state).toBe("open");
    });

    it("by votes that stand until they change", () => {
      const staged = home();
      staged.vote(["a", "b", "c"], false);
      staged.report("a", { open: true });
      staged.now = 1_000;
      staged.vote(["b", "c"], false);
      staged.report("b", { open: true });
      expect(staged.record.state).toBe("open");
    });

    it("not by votes that were taken back", () => {
      const staged = home();
      staged.vote(["a", "b", "c"], false);
      staged.report("a", { open: true });
      staged.report("a", { open: false });
      staged.report("b", { open: true });
      expect(staged.record.state).toBe("closed");
    });

    it("not by votes of replicas that have been silent for two of their gaps", () => {
      const staged = home();
      const fleet = ["a", "b", "c"];
      staged.vote(fleet, false);
      staged.report("a", { open: true });
      for (staged.now = 1_000; staged.now <= 3_000; staged.now += 1_000) staged.vote(["b", "c"], false);
      staged.report("b", { open: true });
      expect(staged.record.state).toBe("open");
      const late = home();
      late.vote(fleet, false);
      late.report("a", { open: true });
      for (late.now = 1_000; late.now <= 5_000; late.now += 1_000) late.vote(["b", "c"], false);
      late.report("b", { open: true });
      expect(late.record.state).toBe("closed");
    });

    it("not by votes of an epoch that is over", () => {
      const staged = home();
      staged.vote(["a", "b", "c"], false);
      staged.vote(["a", "b"], true);
      staged.record = command(staged.record, "close", staged.now);
      staged.report("c", { open: true });
      expect(staged.record.state).toBe("closed");
    });

    it("not by a minority that silence makes look like a majority: the fleet's size shrinks slowly", () => {
      const staged = home();
      staged.vote(["a", "b", "c", "d", "e"], false);
      staged.now = 10_000;
      staged.vote(["a", "b"], true);
      expect(staged.record.state).toBe("closed");
      staged.now = 900_000;
      staged.vote(["a", "b"], true);
      expect(staged.record.state).toBe("open");
    });

    it("for the open time that the reporter's rules say, as a new epoch", () => {
      const staged = home();
      const before = staged.report("a");
      staged.now = 500;
      const view = staged.report("a", { open: true });
      expect(view).toMatchObject({
        epoch: before.epoch + 1,
        state: "open",
        reason: "fleet",
        remaining: 1_000,
        openFor: 1_000,
      });
    });

    it("for twice the time soon after it closed, up to the maximum, and for the short time later", () => {
      const staged = home();
      const times: number[] = [];
      for (const pause of [0, 500, 1_500, 3_500, 8_000, 9_000]) {
        staged.now += pause;
        staged.report("a", { open: true });
        times.push(staged.record.openFor);
        staged.now += staged.record.openFor;
        const { permit } = staged.report("a", { wantsProbe: true });
        staged.report("a", { probe: { permit: permit?.id ?? "", ok: true } });
      }
      expect(times).toEqual([1_000, 2_000, 4_000, 8_000, 8_000, 1_000]);
    });

    it("for as long as the failure asked, within the reporter's rules", () => {
      const asks = (asked: number) => home().report("a", { open: true, asked }).openFor;
      expect([asks(3_000), asks(60_000), asks(5)]).toEqual([3_000, 8_000, 1_000]);
    });

    it("for the rules' own time where their maximum is shorter", () => {
      const staged = home();
      staged.report("a", { open: true, rules: { ...rules, maximumOpenFor: 1 } });
      expect(staged.record.openFor).toBe(1_000);
    });
  });

  it("opens again by one failed probe where one speaks for all, for as long as it asked", () => {
    const fleet = home({ quorum: "any" });
    fleet.report("a", { open: false });
    fleet.report("b", { open: true });
    fleet.now += fleet.record.openFor;
    const { permit } = fleet.report("a", { wantsProbe: true });
    const view = fleet.report("a", { probe: { permit: permit?.id ?? "", ok: false }, asked: 5_000 });
    expect(view).toMatchObject({ state: "open", reason: "probe", openFor: 5_000 });
  });

  describe("while open", () => {
    it("tells what remains, and asks for a report when it is over", () => {
      const staged = home();
      staged.report("a", { open: true });
      staged.now = 700;
      expect(staged.report("a")).toMatchObject({ state: "open", remaining: 300, nextSync: 300 });
      staged.now = 999;
      expect(staged.report("a")).toMatchObject({ remaining: 1, nextSync: 100 });
    });

    it("half-opens lazily, with the first report after its time, as a new epoch", () => {
      const staged = home();
      staged.report("a", { open: true });
      const { epoch } = staged.record;
      staged.now = 1_000;
      const view = staged.report("a", { epoch });
      expect(view).toMatchObject({ state: "half-open", epoch: epoch + 1, remaining: 0 });
    });

    it("takes no vote", () => {
      const staged = home();
      staged.report("a", { open: true });
      const { epoch, until } = staged.record;
      staged.now = 100;
      staged.report("a", { open: true });
      expect(staged.record).toMatchObject({ epoch, until });
    });

    it("grants no permit", () => {
      const staged = home();
      staged.report("a", { open: true });
      expect(staged.report("a", { wantsProbe: true })).not.toHaveProperty("permit");
    });
  });

  describe("time", () => {
    it("does not go back: an open circuit still half-opens when it should", () => {
      const staged = home();
      staged.now = 100_000;
      staged.report("a", { open: true });
      staged.now = 100_400;
      expect(staged.report("a").remaining).toBe(600);
      staged.now = 0;
      expect(staged.report("a").remaining).toBe(600);
      staged.now = 600;
      expect(staged.report("a").state).toBe("half-open");
    });

    it("runs no faster where those who write have clocks that differ by ten seconds, and take turns", () => {
      const staged = home();
      for (let turn = 0; turn <= 100; turn++) {
        staged.now = 20_000 + turn * 100 + (turn % 2) * 10_000;
        staged.report("a");
      }
      expect(staged.record.time).toBe(19_900);
    });

    it("does not shrink the fleet when it goes back", () => {
      const staged = home();
      staged.now = 100_000;
      staged.vote(["a", "b"], false);
      staged.now = 0;
      staged.report("a");
      expect(staged.record.fleet).toBe(2);
    });
  });

  describe("a permit", () => {
    it("goes to a replica that has a call to probe with, and to no other", () => {
      const staged = home();
      staged.halfOpen("a", "b");
      expect(staged.report("a")).not.toHaveProperty("permit");
      expect(staged.report("b", { wantsProbe: true }).permit).toEqual({
        id: expect.any(String),
        ttl: expect.any(Number),
      });
      expect(staged.report("a", { wantsProbe: true })).not.toHaveProperty("permit");
    });

    it.each([1, 2, 3])("is one of %d in the whole fleet", (probes) => {
      const staged = home();
      const fleet = ["a", "b", "c", "d", "e"];
      staged.halfOpen(...fleet);
      const views = fleet.map((replica) =>
        staged.report(replica, { wantsProbe: true, rules: { ...rules, probes } }),
      );
      const ids = views.flatMap(({ permit }) => permit?.id ?? []);
      expect(ids.length).toBe(probes);
      expect(new Set(ids).size).toBe(probes);
    });

    it("lasts three of the replica's gaps, within bounds", () => {
      for (const [gap, ttl] of [
        [100, 2_000],
        [1_000, 3_000],
        [40_000, 60_000],
      ] as const) {
        const staged = home();
        staged.report("a");
        for (let report = 0; report < 30; report++) {
          staged.now += gap;
          staged.report("a");
        }
        staged.report("b", { epoch: 0 });
        staged.record = { ...staged.record, state: "half-open" };
        staged.now += gap;
        const { permit } = staged.report("a", { wantsProbe: true });
        expect(permit?.ttl).toBeCloseTo(ttl, -1);
      }
    });

    it("comes again with a repeated report, with what is left of it", () => {
      const staged = home();
      staged.halfOpen("a");
      const report: Report = {
        replica: "a",
        seq: 50,
        epoch: staged.record.epoch,
        ...quiet,
        wantsProbe: true,
      };
      const first = staged.send(report);
      staged.now += 500;
      const again = staged.send(report);
      expect(again.permit).toEqual({ id: first.permit?.id, ttl: (first.permit?.ttl ?? 0) - 500 });
    });

    it("goes to another replica when its time is over", () => {
      const staged = home();
      staged.halfOpen("a", "b");
      const first = staged.report("a", { wantsProbe: true }).permit;
      staged.now += (first?.ttl ?? 0) - 1;
      expect(staged.report("b", { wantsProbe: true })).not.toHaveProperty("permit");
      staged.now += 1;
      const second = staged.report("b", { wantsProbe: true }).permit;
      expect(second).toBeDefined();
      expect(second?.id).not.toBe(first?.id);
    });
  });

  describe("a probe", () => {
    it("that succeeds closes the circuit, as a new epoch", () => {
      const staged = home();
      staged.halfOpen("a");
      const { permit, epoch } = staged.report("a", { wantsProbe: true });
      const view = staged.report("a", { probe: { permit: permit?.id ?? "", ok: true } });
      expect(view).toMatchObject({ state: "closed", epoch: epoch + 1, reason: "probe" });
    });

    it("closes it only after as many successes as the rules say", () => {
      const staged = home();
      const strict = { ...rules, successesToClose: 2 };
      staged.halfOpen("a");
      for (const state of ["half-open", "closed"]) {
        const { permit } = staged.report("a", { wantsProbe: true, rules: strict });
        staged.report("a", { probe: { permit: permit?.id ?? "", ok: true }, rules: strict });
        expect(staged.record.state).toBe(state);
      }
    });

    it("that fails in a lone replica opens it again, for twice the time", () => {
      const staged = home();
      staged.halfOpen("a");
      const { permit } = staged.report("a", { wantsProbe: true });
      const view = staged.report("a", { probe: { permit: permit?.id ?? "", ok: false } });
      expect(view).toMatchObject({ state: "open", reason: "probe", openFor: 2_000, remaining: 2_000 });
    });

    it("must fail in two replicas where there are two: one bad node cannot hold it open", () => {
      const staged = home();
      staged.halfOpen("a", "b");
      const first = staged.report("a", { wantsProbe: true }).permit;
      staged.report("a", { probe: { permit: first?.id ?? "", ok: false }, wantsProbe: true });
      expect(staged.record.state).toBe("half-open");
      expect(staged.report("a", { wantsProbe: true })).not.toHaveProperty("permit");
      const second = staged.report("b", { wantsProbe: true }).permit;
      staged.report("b", { probe: { permit: second?.id ?? "", ok: false } });
      expect(staged.record.state).toBe("open");
    });

    it("that failed in one of two opens it again as soon as the other is gone", () => {
      const staged = home();
      staged.halfOpen("a", "b");
      const { permit } = staged.report("a", { wantsProbe: true });
      staged.report("a", { probe: { permit: permit?.id ?? "", ok: false } });
      const began = staged.now;
      while (staged.record.state === "half-open") {
        expect(staged.report("a", { wantsProbe: true })).not.toHaveProperty("permit");
        staged.now += 500;
      }
      // Two gaps of the other one, and no more.
      expect(staged.now - began).toBeLessThanOrEqual(5_000);
      expect(staged.record).toMatchObject({ state: "open", reason: "probe" });
      staged.now += staged.record.openFor;
      expect(staged.report("a", { wantsProbe: true }).permit).toBeDefined();
    });

    it("that fails twice in one replica of two still is one failing prober", () => {
      const staged = home();
      staged.halfOpen("a", "b");
      const ids = ["x", "y"];
      const { time } = staged.record;
      staged.report("a");
      staged.record = {
        ...staged.record,
        permits: ids.map((id) => ({ id, replica: "a", until: time + 9_000 })),
      };
      for (const permit of ids) staged.report("a", { probe: { permit, ok: false } });
      expect(staged.record).toMatchObject({ state: "half-open", failers: ["a"], permits: [] });
    });

    it.each<[string, Partial<Report>]>([
      ["without a permit", { probe: { permit: "9.9", ok: true } }],
      ["of an older epoch", { epoch: 1 }],
    ])("%s is ignored", (_, says) => {
      const staged = home();
      staged.halfOpen("a");
      const { permit } = staged.report("a", { wantsProbe: true });
      staged.report("a", { probe: { permit: permit?.id ?? "", ok: true }, ...says });
      expect(staged.record.state).toBe("half-open");
    });

    it("under another replica's permit is ignored", () => {
      const staged = home();
      staged.halfOpen("a", "b");
      const { permit } = staged.report("a", { wantsProbe: true });
      staged.report("b", { probe: { permit: permit?.id ?? "", ok: true } });
      expect(staged.record.state).toBe("half-open");
    });

    it("that ends after its permit is ignored", () => {
      const staged = home();
      staged.halfOpen("a");
      const { permit } = staged.report("a", { wantsProbe: true });
      staged.now += (permit?.ttl ?? 0) + 1;
      staged.report("a", { probe: { permit: permit?.id ?? "", ok: true } });
      expect(staged.record.state).toBe("half-open");
    });

    it("of a circuit that has closed meanwhile is ignored", () => {
      const staged = home();
      staged.halfOpen("a");
      const { permit } = staged.report("a", { wantsProbe: true });
      staged.record = command(staged.record, "close", staged.now);
      staged.report("a", { probe: { permit: permit?.id ?? "", ok: false } });
      expect(staged.record.state).toBe("closed");
    });
  });

  it("remembers so many replicas and forgets the one that was silent longest", () => {
    const staged = home();
    for (let index = 0; index < 256; index++) staged.report(`r${index}`);
    staged.report("r0");
    staged.report("new");
    const known = staged.record.members.map(({ replica }) => replica);
    expect(known.length).toBe(256);
    expect(known).toContain("r0");
    expect(known).not.toContain("r1");
  });

  it("asks no second for more than a hundred reports, and a half-open fleet for more of each", () => {
    const staged = home();
    const asked = Array.from({ length: 250 }, (_, index) => staged.report(`r${index}`).nextSync);
    expect([asked[0], asked[99], asked[100], asked[249]]).toEqual([2_000, 2_990, 3_000, 4_490]);
    expect(viewOf({ ...staged.record, state: "half-open" }).nextSync).toBe(500);
  });

  describe("counts as judgement", () => {
    const judged = { ...rules, minimumCalls: 20, failureRate: 0.5, slowCallRate: 0.8 };
    const few = { few: true, rules: judged };

    it("open where no replica has calls enough of its own, but the fleet has", () => {
      const staged = home();
      const fleet = Array.from({ length: 10 }, (_, index) => `r${index}`);
      staged.vote(fleet, false);
      const states = fleet.map((replica) => {
        staged.report(replica, { ...few, fail: 3, ok: 1 });
        return staged.record.state;
      });
      // Six are a majority, and hold 24 calls.
      expect(states.indexOf("open")).toBe(5);
    });

    it("do not open below the minimum of calls, however bad", () => {
      const staged = home();
      staged.vote(["a", "b", "c"], false);
      for (const replica of ["a", "b", "c"]) staged.report(replica, { ...few, fail: 6 });
      expect(staged.record.state).toBe("closed");
      staged.report("a", { ...few, fail: 2 });
      expect(staged.record.state).toBe("open");
    });

    it.each<[string, Partial<Report>]>([
      ["of replicas that judge by themselves", { ...few, few: false, fail: 50 }],
      ["that are good", { ...few, ok: 30, fail: 20 }],
      ["without rules to judge by", { few: true, fail: 50 }],
      ["of no calls", few],
    ])("do not open: %s", (_, says) => {
      const staged = home();
      staged.vote(["a", "b"], false);
      for (const replica of ["a", "b", "a", "b"]) staged.report(replica, says);
      expect(staged.record.state).toBe("closed");
    });

    it("open for slow calls, and by counts and votes together", () => {
      const staged = home();
      staged.vote(["a", "b", "c"], false);
      staged.report("a", { ...few, ok: 25, slow: 20 });
      expect(staged.record.state).toBe("closed");
      staged.report("b", { open: true, rules: judged });
      expect(staged.record.state).toBe("open");
    });

    it("of a minority do not open, however many calls it made", () => {
      const staged = home();
      staged.vote(["a", "b", "c", "d", "e"], false);
      for (const replica of ["a", "b"]) staged.report(replica, { ...few, fail: 10_000 });
      expect(staged.record.state).toBe("closed");
    });

    it("are worth half after half a minute", () => {
      const staged = home();
      staged.report("a", { ...few, fail: 8 });
      staged.now = 30_000;
      staged.report("a", { ...few, slow: 4, ok: 8 });
      expect(staged.record.members[0]).toMatchObject({ calls: 12, fails: 4, slows: 4 });
    });
  });

  describe("a fleet that is too large to be remembered", () => {
    /** So many, each of which has reported in its slot since. */
    function crowd(size: number) {
      const staged = home();
      for (let index = 0; index < size; index++) staged.report(`r${index}`);
      return staged;
    }

    it("is counted by the reports that it was asked for, and forgotten slowly", () => {
      const staged = crowd(1_000);
      expect(staged.record.members.length).toBe(256);
      expect(staged.record.fleet).toBe(1_000);
      const restored = JSON.parse(JSON.stringify(staged.record)) as CircuitRecord;
      staged.record = restored;
      staged.now = 300_000;
      staged.report("r0");
      expect(staged.record.fleet).toBeCloseTo(500);
    });

    it("reports news at once with a probability that makes forty of them", () => {
      expect(crowd(40).report("r0")).not.toHaveProperty("urgency");
      expect(crowd(1_000).report("r0").urgency).toBeCloseTo(0.04);
    });

    it("opens when most of those that are remembered say so, as long as all keep reporting", () => {
      const staged = crowd(1_000);
      staged.now = 1_000;
      let votes = 0;
      while (staged.record.state === "closed" && votes < 300) staged.report(`r${votes++}`, { open: true });
      expect(votes).toBeGreaterThanOrEqual(129);
      expect(votes).toBeLessThanOrEqual(140);
    });

    it("is not opened by a minority when the others fall silent", () => {
      const staged = crowd(1_000);
      staged.now = 15_000;
      for (let index = 0; index < 300; index++) staged.report(`r${index}`, { open: true });
      expect(staged.record.state).toBe("closed");
    });

    it("counts no report twice, though it may have forgotten who sent it", () => {
      const staged = crowd(400);
      const { counts } = staged.record;
      staged.send({ replica: "r0", seq: 2, epoch: 1, ...quiet, fail: 5 });
      expect(staged.record.counts).toEqual(counts);
      staged.send({ replica: "r0", seq: 3, epoch: 1, ...quiet, fail: 5 });
      expect(staged.record.counts.fail).toBe(5);
    });
  });

  it("takes up a record of the first version", () => {
    const staged = home();
    staged.vote(["a", "b"], false);
    const { kind, slots, version, members, ...old } = staged.record;
    const first = members.map(({ replica, seq, seen, gap, open }) => ({ replica, seq, seen, gap, open }));
    const stored = { ...old, version: 1, members: first } as unknown as CircuitRecord;
    expect(viewOf(stored)).toEqual(viewOf(staged.record));
    expect(revive(stored)).toMatchObject({ version: 2, kind: "circuit" });
    expect(mustStore(stored, staged.record)).toBe(false);
    expect(endsIn(stored)).toBeUndefined();
    expect(expire(stored, 10)).toBe(stored);
    expect(command(stored, "open", 0)).toMatchObject({ version: 2, state: "forced-open" });
    staged.record = stored;
    staged.report("a", { open: true, fail: 2 });
    expect(staged.report("b", { open: true, fail: 1 })).toMatchObject({ state: "open", epoch: 2 });
  });

  it("must store what a crash must not undo: epochs, permits, votes", () => {
    const staged = home();
    staged.vote(["a", "b", "c"], false);
    const steps: [string, () => void, boolean][] = [
      ["counts", () => staged.report("a", { ok: 5 }), false],
      ["one more replica", () => staged.report("d"), true],
      ["a vote", () => staged.report("a", { open: true }), true],
      ["the same vote", () => staged.report("a", { open: true }), false],
      ["another vote", () => staged.report("b", { open: true }), true],
      ["a transition", () => staged.report("c", { open: true }), true],
    ];
    for (const [what, act, must] of steps) {
      const before = staged.record;
      act();
      expect(mustStore(before, staged.record), what).toBe(must);
    }
    staged.now += 1_000;
    staged.report("a");
    const before = staged.record;
    staged.report("a", { wantsProbe: true });
    expect(mustStore(before, staged.record)).toBe(true);
  });

  it("gives the same record and view for the same report and time", () => {
    const report = fc.record({
      replica: fc.constantFrom("a", "b", "c"),
      seq: fc.integer({ min: 1, max: 9 }),
      epoch: fc.integer({ min: 0, max: 4 }),
      ok: fc.nat(3),
      fail: fc.nat(3),
      slow: fc.nat(3),
      open: fc.boolean(),
      wantsProbe: fc.boolean(),
      rules: fc.constant(rules),
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(report, fc.integer({ min: -500, max: 3_000 })), { maxLength: 30 }),
        (steps) => {
          let record: CircuitRecord | undefined;
          let now = 10_000;
          for (const [said, step] of steps) {
            now += step;
            const [after, view] = coordinate(record, said, now);
            expect(coordinate(record && JSON.parse(JSON.stringify(record)), said, now)).toEqual([
              after,
              view,
            ]);
            if (record !== undefined) {
              expect(after.epoch).toBeGreaterThanOrEqual(record.epoch);
              expect(after.time).toBeGreaterThanOrEqual(record.time);
              if (after.state !== record.state) expect(after.epoch).toBeGreaterThan(record.epoch);
            }
            expect(after.permits.length).toBeLessThanOrEqual(rules.probes);
            expect(view.epoch).toBe(after.epoch);
            record = after;
          }
        },
      ),
    );
  });
});

describe("command", () => {
  it.each<[CircuitCommand, string]>([
    ["open", "forced-open"],
    ["close", "closed"],
    ["reset", "closed"],
    ["disable", "disabled"],
    ["metrics-only", "metrics-only"],
  ])("%s makes it %s, as a new epoch, also where nobody has reported yet", (what, state) => {
    const staged = home();
    staged.report("a", { open: true });
    expect(command(staged.record, what, 0)).toMatchObject({ state, epoch: 3, reason: "forced" });
    expect(command(undefined, what, 0)).toMatchObject({ state, epoch: 2 });
  });

  it("open holds whatever the replicas say and however long", () => {
    const staged = home();
    staged.report("a");
    staged.record = command(staged.record, "open", 0);
    staged.now = 1_000_000;
    expect(staged.report("a", { wantsProbe: true })).toMatchObject({ state: "forced-open", remaining: 0 });
    expect(staged.report("a", { wantsProbe: true })).not.toHaveProperty("permit");
  });

  it.each<CircuitCommand>(["disable", "metrics-only"])("%s holds against all votes", (what) => {
    const staged = home();
    staged.report("a");
    staged.record = command(staged.record, what, 0);
    const { state } = staged.record;
    staged.report("a", { open: true });
    expect(staged.record.state).toBe(state);
  });

  it.each<[CircuitCommand, number]>([
    ["close", 4_000],
    ["reset", 1_000],
  ])("%s: opening soon again takes %d ms", (what, openFor) => {
    const staged = home();
    staged.report("a", { open: true });
    staged.now = 1_000;
    const { permit } = staged.report("a", { wantsProbe: true });
    staged.report("a", { probe: { permit: permit?.id ?? "", ok: true } });
    staged.report("a", { open: true });
    staged.record = command(staged.record, what, staged.now);
    staged.report("a", { open: true });
    expect(staged.record.openFor).toBe(openFor);
  });
});
