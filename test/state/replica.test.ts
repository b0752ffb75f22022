import { describe, expect, it } from "vitest";
import { Replica } from "../../src/state/replica.ts";
import type { CircuitReport as Report, CircuitView as View } from "../../src/state/sync.ts";

const rules = { openFor: 1_000, maximumOpenFor: 8_000, probes: 1, successesToClose: 1 };
const closed: View = {
  epoch: 1,
  state: "closed",
  reason: "failures",
  remaining: 0,
  openFor: 0,
  nextSync: 2_000,
};
const open: View = { ...closed, epoch: 2, state: "open", reason: "fleet", remaining: 1_000, openFor: 1_000 };
const halfOpen: View = { ...closed, epoch: 3, state: "half-open", openFor: 1_000, nextSync: 500 };
const withPermit = (id: string, ttl = 2_000): View => ({ ...halfOpen, permit: { id, ttl } });

function replica() {
  const machine = new Replica(rules);
  const send = (now: number, votesOpen = false): Report => machine.report(now, votesOpen, () => "r1");
  /** A report and its answer, at one moment. */
  const exchange = (view: View, now: number): boolean => machine.answered(send(now), view, now, now);
  return { machine, send, exchange };
}

describe("Replica", () => {
  describe("a report", () => {
    it("holds what came since the last one, and the replica's own rules", () => {
      const { machine, send, exchange } = replica();
      exchange(closed, 0);
      machine.count(1, true, false);
      machine.count(1, true, true);
      machine.count(1, false, false);
      expect(send(10, true)).toEqual({
        replica: "r1",
        seq: 2,
        epoch: 1,
        ok: 2,
        fail: 1,
        slow: 1,
        open: true,
        wantsProbe: false,
        rules,
      });
    });

    it("whose fate is unknown goes again unchanged, and new counts wait for the next one", () => {
      const { machine, send, exchange } = replica();
      exchange(closed, 0);
      machine.count(1, false, false);
      const first = send(2_000);
      machine.lost(first, 2_100, "lost");
      machine.count(1, false, false);
      expect(send(9_000)).toBe(first);
      machine.answered(first, closed, 9_000, 9_000);
      expect(send(11_000)).toMatchObject({ seq: 3, fail: 1 });
    });

    it("asks for no probe where no call waits for one", () => {
      const { send } = replica();
      expect(send(0)).toMatchObject({ seq: 1, epoch: 0, wantsProbe: false });
    });

    it("says the rules that can apply, and that it saw too little to judge by", () => {
      const judging = { ...rules, minimumCalls: 20, failureRate: 0.5 };
      const machine = new Replica({ ...judging, slowCallRate: Infinity });
      expect(machine.report(0, false, () => "a", true)).toMatchObject({ few: true });
      expect(machine.report(0, false, () => "a").rules).toEqual(judging);
      const slow = new Replica({ ...judging, slowCallRate: 0.8 }).report(0, false, () => "b");
      expect(slow.rules.slowCallRate).toBe(0.8);
      expect(slow).not.toHaveProperty("few");
    });

    it("says that a call waits to probe, once", () => {
      const { machine, send, exchange } = replica();
      exchange(halfOpen, 0);
      machine.gate(1);
      const asking = send(500);
      expect(asking.wantsProbe).toBe(true);
      machine.answered(asking, halfOpen, 500, 500);
      expect(send(1_000).wantsProbe).toBe(false);
    });

    it("says what the last failure asked to wait, once, and not what belongs to another epoch", () => {
      const { machine, send, exchange } = replica();
      exchange(closed, 0);
      machine.count(1, false, false, 9_000);
      machine.count(1, false, false, 5_000);
      machine.count(1, true, false);
      const asking = send(2_000);
      expect(asking.asked).toBe(5_000);
      machine.answered(asking, closed, 2_000, 2_000);
      expect(send(4_000)).not.toHaveProperty("asked");
      machine.count(1, false, false, 7_000);
      machine.hear(open, 4_100);
      exchange(open, 4_200);
      expect(send(6_000)).not.toHaveProperty("asked");
    });

    it("takes its identity when it is first sent", () => {
      const { machine } = replica();
      const [first, second] = ["a", "b"].map((id) => {
        const report = machine.report(0, false, () => id);
        machine.answered(report, closed, 0, 0);
        return report.replica;
      });
      expect([first, second]).toEqual(["a", "a"]);
    });
  });

  describe("an outcome", () => {
    it("of another epoch is not counted", () => {
      const { machine, send, exchange } = replica();
      exchange(open, 0);
      machine.count(1, false, true);
      expect(send(2_000)).toMatchObject({ ok: 0, fail: 0, slow: 0 });
    });

    it("that was not reported when a new epoch began is dropped", () => {
      const { machine, send, exchange } = replica();
      exchange(closed, 0);
      machine.count(1, false, true);
      expect(machine.hear(open, 10)).toBe(true);
      expect(send(20)).toMatchObject({ epoch: 2, ok: 0, fail: 0, slow: 0 });
    });
  });

  describe("a view", () => {
    it("of an older epoch is ignored", () => {
      const { machine, exchange } = replica();
      exchange(open, 0);
      expect(machine.hear(closed, 10)).toBe(false);
      expect(machine.view).toBe(open);
    });

    it("of the same epoch takes the place of the one before", () => {
      const { machine, exchange } = replica();
      exchange(open, 0);
      machine.hear({ ...open, remaining: 5_000 }, 900);
      expect(machine.retryAfter(1_000)).toBe(4_900);
    });

    it.each<[string, View | undefined, View, boolean]>([
      ["first, closed", undefined, closed, false],
      ["first, open", undefined, open, true],
      ["again", open, { ...open, remaining: 10 }, false],
      ["of a new epoch", closed, open, true],
      ["of a new epoch in the same state", closed, { ...closed, epoch: 9 }, true],
    ])("%s: says whether a new epoch began", (_, before, view, says) => {
      const { machine } = replica();
      if (before !== undefined) machine.hear(before, 0);
      expect(machine.hear(view, 1)).toBe(says);
      expect(machine.epoch).toBe(view.epoch);
    });
  });

  describe("gate", () => {
    it.each<[string, View | undefined, number, string]>([
      ["no view", undefined, 0, "pass"],
      ["closed", closed, 0, "pass"],
      ["disabled", { ...closed, state: "disabled" }, 0, "bypass"],
      ["metrics-only", { ...closed, state: "metrics-only" }, 0, "bypass"],
      ["forced-open", { ...closed, state: "forced-open" }, 1e9, "refuse"],
      ["open", open, 999, "refuse"],
      ["open, after its time", open, 1_500, "refuse"],
      ["open, for what remains, one more open time and three intervals", open, 8_000, "refuse"],
      ["open, longer than that", open, 8_001, "expired"],
      ["open, of a home that asks seldom, for 30 s more", { ...open, nextSync: 1e6 }, 32_000, "refuse"],
      ["open, of a home that asks seldom, longer", { ...open, nextSync: 1e6 }, 32_001, "expired"],
      ["half-open without a permit", halfOpen, 0, "refuse"],
      ["half-open, longer than a view holds", halfOpen, 2_501, "expired"],
      ["half-open with a permit", withPermit("3.1"), 1_999, "probe"],
      ["half-open with a permit that is over", withPermit("3.1"), 2_000, "refuse"],
    ])("%s", (_, view, now, says) => {
      const { machine, exchange } = replica();
      if (view !== undefined) exchange(view, 0);
      expect(machine.gate(now)).toBe(says);
    });

    it("leaves all to the local circuit once a view has expired", () => {
      const { machine, exchange } = replica();
      exchange(open, 0);
      expect([machine.gate(8_001), machine.gate(8_002)]).toEqual(["expired", "pass"]);
    });

    it("lets one call through under a permit", () => {
      const { machine, exchange } = replica();
      exchange(withPermit("3.1"), 0);
      expect(machine.gate(1)).toBe("probe");
      expect(machine.takePermit()).toEqual({ id: "3.1", until: 2_000 });
      expect(machine.gate(2)).toBe("refuse");
    });
  });

  describe("a permit", () => {
    it("counts from when the report was sent, not from when the answer came", () => {
      const { machine, send } = replica();
      machine.answered(send(100), withPermit("3.1"), 100, 1_100);
      expect([machine.gate(2_099), machine.gate(2_100)]).toEqual(["probe", "refuse"]);
    });

    it("in an answer that came just in time is one", () => {
      const { machine, send } = replica();
      machine.answered(send(0), withPermit("3.1", 60_000), 0, 5_000);
      expect(machine.gate(5_001)).toBe("probe");
    });

    it("in an answer that came too late is none", () => {
      const { machine, send } = replica();
      machine.answered(send(0), withPermit("3.1", 60_000), 0, 5_001);
      expect(machine.gate(5_002)).toBe("refuse");
    });

    it("that a call has taken is not given to another when the home names it again", () => {
      const { machine, exchange } = replica();
      exchange(withPermit("3.1"), 0);
      machine.takePermit();
      exchange(withPermit("3.1", 1_500), 500);
      expect(machine.gate(501)).toBe("refuse");
    });

    it("that comes back unused goes to the next call", () => {
      const { machine, exchange } = replica();
      exchange(withPermit("3.1"), 0);
      machine.returnPermit(machine.takePermit(), 3, 100);
      expect(machine.gate(101)).toBe("probe");
      machine.returnPermit(machine.takePermit(), 3, 200);
      exchange(withPermit("3.1", 1_500), 500);
      expect(machine.gate(501)).toBe("probe");
    });

    it("that comes back after its time is over is gone", () => {
      const { machine, exchange } = replica();
      exchange(withPermit("3.1"), 0);
      machine.returnPermit(machine.takePermit(), 3, 2_000);
      expect(machine.gate(2_000)).toBe("refuse");
    });

    it("that comes back in another epoch does not replace that epoch's", () => {
      const { machine, exchange } = replica();
      exchange(withPermit("3.1", 60_000), 0);
      const old = machine.takePermit();
      exchange({ ...withPermit("5.2"), epoch: 5 }, 100);
      machine.returnPermit(old, 3, 200);
      machine.gate(201);
      expect(machine.takePermit().id).toBe("5.2");
    });

    it("ends with its epoch", () => {
      const { machine, exchange } = replica();
      exchange(withPermit("3.1"), 0);
      machine.hear({ ...open, epoch: 4 }, 10);
      expect(machine.gate(11)).toBe("refuse");
    });

    it("in an answer of an older epoch is none", () => {
      const { machine, send } = replica();
      const report = send(0);
      machine.hear({ ...halfOpen, epoch: 5 }, 10);
      machine.answered(report, withPermit("3.1"), 0, 20);
      expect(machine.gate(21)).toBe("refuse");
    });
  });

  describe("a probe's result", () => {
    it("is reported at once", () => {
      const { machine, send, exchange } = replica();
      exchange(withPermit("3.1"), 0);
      expect(machine.due(100)).toBe(false);
      machine.probed("3.1", 3, true, 100);
      expect(machine.due(100)).toBe(true);
      expect(send(100).probe).toEqual({ permit: "3.1", ok: true });
    });

    it("that came while a report was under way is reported as soon as that is answered", () => {
      const { machine, send, exchange } = replica();
      exchange(withPermit("3.1"), 0);
      const report = send(600);
      machine.probed("3.1", 3, false, 650);
      expect(machine.due(650)).toBe(false);
      machine.answered(report, halfOpen, 600, 700);
      expect(machine.due(700)).toBe(true);
      expect(send(700).probe).toEqual({ permit: "3.1", ok: false });
    });

    it("of another epoch is dropped", () => {
      const { machine, send, exchange } = replica();
      exchange({ ...halfOpen, epoch: 5 }, 0);
      machine.probed("5.2", 5, true, 10);
      machine.probed("3.1", 3, false, 11);
      expect(send(11).probe).toEqual({ permit: "5.2", ok: true });
    });

    it("that was not reported when a new epoch began is dropped", () => {
      const { machine, send, exchange } = replica();
      exchange(withPermit("3.1"), 0);
      machine.probed("3.1", 3, true, 10);
      machine.hear({ ...open, epoch: 4 }, 20);
      expect(send(30)).not.toHaveProperty("probe");
    });
  });

  describe("a report is due", () => {
    it("at the first call, and then when the last view says", () => {
      const { machine, exchange } = replica();
      expect(machine.due(0)).toBe(true);
      exchange(closed, 100);
      expect([machine.due(2_099), machine.due(2_100)]).toEqual([false, true]);
    });

    it("not while one is under way, for five seconds", () => {
      const { machine, send } = replica();
      send(0);
      expect([machine.due(0), machine.due(4_999), machine.due(5_000)]).toEqual([false, false, true]);
    });

    it("although one seems to be under way until long from now: the clock has jumped", () => {
      const { machine, send } = replica();
      send(1_000_000);
      expect(machine.due(0)).toBe(true);
    });

    it("as soon as a call is refused after the open time, so that the home half-opens", () => {
      const { machine, exchange } = replica();
      exchange(open, 0);
      machine.gate(999);
      expect(machine.due(999)).toBe(false);
      machine.gate(1_000);
      expect(machine.due(1_000)).toBe(true);
    });

    it("at the home's pace while it is half-open, however many calls are refused", () => {
      const { machine, exchange } = replica();
      exchange(halfOpen, 0);
      for (let now = 0; now < 500; now += 10) {
        machine.gate(now);
        expect(machine.due(now)).toBe(false);
      }
      expect(machine.due(500)).toBe(true);
    });

    it("at once when there is news", () => {
      const { machine, exchange } = replica();
      exchange(closed, 0);
      machine.tell(10);
      expect(machine.due(10)).toBe(true);
    });

    it("for news in its turn, where too many have some: as the chance of this replica in this epoch has it", () => {
      const { machine, send } = replica();
      const many = { ...closed, urgency: 0.25 };
      machine.answered(send(0), many, 0, 0, 0.25);
      machine.tell(10);
      expect(machine.due(10)).toBe(false);
      machine.hear({ ...open, urgency: 0.25 }, 20, 0.24);
      machine.tell(30);
      expect(machine.due(30)).toBe(true);
    });

    it("ever less often where the home hangs", () => {
      const { machine, send, exchange } = replica();
      expect(machine.hangs).toBeUndefined();
      let now = 0;
      const waits: number[] = [];
      for (let sent = 0; sent < 6; sent++) {
        send(now);
        const began = now;
        while (!machine.due(now)) now += 500;
        waits.push(now - began);
      }
      expect(waits).toEqual([5_000, 10_000, 20_000, 30_000, 30_000, 30_000]);
      expect(machine.hangs).toBe(30_000);
      exchange(closed, now);
      expect(machine.hangs).toBeUndefined();
      send(now + 2_000);
      expect([machine.due(now + 6_999), machine.due(now + 7_000)]).toEqual([false, true]);
    });

    it("although the next one seems to be far off: the clock has jumped back", () => {
      const { machine, exchange } = replica();
      exchange(closed, 1_000_000);
      expect([machine.due(1_000_001), machine.due(5)]).toEqual([false, true]);
    });

    it("no sooner for news than the first failure to reach the home allows", () => {
      const { machine, send } = replica();
      const retryIn = machine.lost(send(0), 0, "lost");
      machine.tell(10);
      expect(retryIn).toBe(2_000);
      expect([machine.due(1_999), machine.due(2_000)]).toEqual([false, true]);
    });
  });

  describe("a failure to reach the home", () => {
    it.each([
      ["lost", [2_000, 4_000, 8_000, 16_000, 30_000, 30_000]],
      ["overloaded", [8_000, 16_000, 30_000, 30_000, 30_000, 30_000]],
      ["refused", [30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000]],
    ] as const)("(%s) makes the pauses longer and longer", (why, pauses) => {
      const { machine, send } = replica();
      expect(pauses.map(() => machine.lost(send(0), 0, why))).toEqual(pauses);
    });

    it("drops a report that was refused, with what it said, and sends a new one later", () => {
      const { machine, send } = replica();
      machine.count(0, false, false);
      const first = send(0);
      machine.lost(first, 0, "refused");
      machine.tell(1_000);
      expect([machine.due(29_999), machine.due(30_000)]).toEqual([false, true]);
      const next = send(30_000);
      expect(next).toMatchObject({ seq: first.seq + 1, fail: 0 });
      machine.answered(next, closed, 30_000, 30_050);
      expect(machine.lost(send(40_000), 40_000, "refused")).toBe(30_000);
    });

    it("makes those that it hit together come back one by one", () => {
      const { machine, send } = replica();
      expect([0, 0.5, 1].map((chance) => machine.lost(send(0), 0, "lost", chance))).toEqual([
        2_000, 5_000, 12_000,
      ]);
    });

    it("is forgotten at the first answer", () => {
      const { machine, send, exchange } = replica();
      machine.lost(send(0), 0, "lost");
      exchange(closed, 2_000);
      expect(machine.lost(send(4_000), 4_000, "lost")).toBe(2_000);
    });
  });

  describe("a report that was sent twice", () => {
    it("leaves the next one unanswered when its own second answer comes", () => {
      const { machine, send } = replica();
      const first = send(0);
      expect(send(5_000)).toBe(first);
      machine.answered(first, closed, 5_000, 5_100);
      const second = send(7_100);
      machine.answered(first, closed, 0, 7_200);
      expect(machine.due(7_300)).toBe(false);
      expect(send(12_200)).toBe(second);
    });

    it("has not failed when the first sending fails after the second was answered", () => {
      const { machine, send } = replica();
      const first = send(0);
      machine.answered(send(5_000), closed, 5_000, 5_100);
      expect(machine.lost(first, 5_200, "lost")).toBeUndefined();
      expect(machine.due(7_100)).toBe(true);
    });
  });

  it.each<[string, View, number, number]>([
    ["open: what remains", open, 400, 1_600],
    ["open: at least what remains", { ...open, nextSync: 100 }, 400, 600],
    ["half-open: until the next report", halfOpen, 100, 400],
    ["half-open, report overdue", halfOpen, 900, 0],
    ["forced-open: nobody knows", { ...closed, state: "forced-open" }, 0, Infinity],
  ])("tells how long a refused call should wait: %s", (_, view, now, wait) => {
    const { machine, exchange } = replica();
    exchange(view, 0);
    expect(machine.retryAfter(now)).toBe(wait);
  });
});
