import { describe, expect, it } from "vitest";
import {
  coordinate,
  isNews,
  type LimiterRecord,
  mustStore,
  resetLimit,
  revive,
  viewOf,
} from "../../src/state/coordinator.ts";
import { LeasedLimiter } from "../../src/state/leased-limiter.ts";
import type { LimiterReport, LimiterView } from "../../src/state/sync.ts";

/** A home whose clock the test sets, and replicas that hold what they were leased last. */
function home() {
  const seqs = new Map<string, number>();
  const held = new Map<string, number>();
  const staged = {
    record: undefined as LimiterRecord | undefined,
    now: 0,
    send(report: LimiterReport): LimiterView {
      const [after, view] = coordinate(staged.record, report, staged.now);
      staged.record = JSON.parse(JSON.stringify(after));
      return view;
    },
    /** A report whose answer arrives. */
    report(replica: string, demand: number, says: Partial<LimiterReport> = {}): LimiterView {
      const seq = (seqs.get(replica) ?? 0) + 1;
      seqs.set(replica, seq);
      const { epoch = 0 } = staged.record ?? {};
      const view = staged.send({
        kind: "limiter",
        replica,
        seq,
        epoch,
        demand,
        lease: held.get(replica) ?? 0,
        ...says,
      });
      if (view.ttl > 0) held.set(replica, seq);
      return view;
    },
    /** All report again and again, until what they hold is what they will. */
    settle(demands: Readonly<Record<string, number>>): Record<string, number> {
      let shares: Record<string, number> = {};
      for (let round = 0; round < 5; round++) {
        shares = {};
        for (const [replica, demand] of Object.entries(demands)) {
          shares[replica] = Math.round(staged.report(replica, demand).share * 1_000) / 1_000;
        }
        staged.now += 2_000;
      }
      return shares;
    },
  };
  return staged;
}

describe("coordinate, of a limiter", () => {
  it("leases all of it to who is alone, for three reports' time", () => {
    expect(home().report("a", 0.1)).toEqual({
      kind: "limiter",
      epoch: 1,
      share: 1,
      ttl: 6_000,
      fleet: 1,
      nextSync: 2_000,
    });
  });

  it.each<[string, Record<string, number>, Record<string, number>]>([
    ["evenly to those that want the same", { a: 2, b: 2 }, { a: 0.5, b: 0.5 }],
    ["evenly to those that want nothing", { a: 0, b: 0, c: 0, d: 0 }, { a: 0.25, b: 0.25, c: 0.25, d: 0.25 }],
    ["more to who could use more, and the rest evenly", { a: 0.6, b: 0.2 }, { a: 0.7, b: 0.3 }],
    [
      "no less than its part to who wants that, whatever others want",
      { a: 9, b: 0.4, c: 0.1 },
      { a: 0.5, b: 0.4, c: 0.1 },
    ],
    ["all that is wanted where it is all", { a: 0.9, b: 0.1 }, { a: 0.9, b: 0.1 }],
  ])("leases %s", (_, demands, shares) => {
    expect(home().settle(demands)).toEqual(shares);
  });

  it("leases nothing twice: a share that is to shrink counts until its replica says that it has the smaller one", () => {
    const staged = home();
    staged.report("a", 1);
    expect(staged.report("b", 1)).toMatchObject({ share: 0, ttl: 0, fleet: 2 });
    // This answer is lost: it goes on with all of the limit.
    staged.report("a", 1, { seq: 2 });
    expect(staged.report("b", 1)).toMatchObject({ share: 0 });
    staged.report("a", 1, { seq: 3, lease: 2 });
    expect(staged.report("b", 1)).toMatchObject({ share: 0.5 });
  });

  it("leases what was another's when that has ended", () => {
    const staged = home();
    staged.report("a", 1);
    staged.now = 5_999;
    expect(staged.report("b", 1).share).toBe(0);
    staged.now = 6_000;
    expect(staged.report("b", 1).share).toBe(1);
  });

  it("gives the same lease to a repeated report, with what is left of it", () => {
    const staged = home();
    const report: LimiterReport = { kind: "limiter", replica: "a", seq: 1, epoch: 0, demand: 1, lease: 0 };
    staged.send(report);
    staged.now = 1_500;
    expect(staged.send(report)).toMatchObject({ share: 1, ttl: 4_500, nextSync: 500 });
    staged.now = 7_000;
    expect(staged.send(report)).toMatchObject({ share: 1, ttl: 6_000 });
  });

  it("leases nothing while leases of a record that was lost may hold", () => {
    const staged = home();
    staged.now = 1_000;
    expect(staged.report("a", 1, { epoch: 7 })).toMatchObject({ epoch: 8, share: 0 });
    staged.now = 12_999;
    expect(staged.report("a", 1).share).toBe(0);
    staged.now = 13_000;
    expect(staged.report("a", 1).share).toBe(1);
  });

  it("leases nothing for a while in a home that was restarted", () => {
    const staged = home();
    staged.report("a", 1);
    staged.record = revive(staged.record as LimiterRecord) as LimiterRecord;
    staged.now = 5_000;
    expect(staged.report("a", 1).share).toBe(0);
    // What was leased up to five seconds after it was stored may hold for twelve more.
    staged.now = 16_999;
    expect(staged.report("a", 1).share).toBe(0);
    staged.now = 17_000;
    expect(staged.report("a", 1).share).toBe(1);
  });

  it("asks for a third of the reports where the fleet wants half of the limit at most, and each half of its share", () => {
    const staged = home();
    const calm = { nextSync: 6_000, ttl: 12_000 };
    const busy = { nextSync: 2_000, ttl: 6_000 };
    // Its first report knows nothing of its demand.
    expect(staged.report("a", 0.3)).toMatchObject({ share: 1, ...busy });
    staged.now = 2_000;
    expect(staged.report("a", 0.5)).toMatchObject({ share: 1, ...calm });
    staged.now = 8_000;
    expect(staged.report("a", 0.51)).toMatchObject({ share: 1, ...busy });
    staged.now = 10_000;
    const again = { seq: 4, lease: 3 };
    expect(staged.report("a", 0.1, again)).toMatchObject(calm);
    staged.now = 11_000;
    expect(staged.report("a", 0.1, again)).toMatchObject({ nextSync: 5_000, ttl: 11_000 });
  });

  it("asks who could use most of its share as often as ever, though others are calm", () => {
    const staged = home();
    const demands = { hot: 0.4, a: 0.02, b: 0.02, c: 0.02, d: 0.02 };
    staged.settle(demands);
    expect(staged.report("hot", 0.4)).toMatchObject({ nextSync: 2_000 });
    expect(staged.report("a", 0.02)).toMatchObject({ nextSync: 6_000 });
  });

  it("asks for the next report soon where another waits for what is to be given back", () => {
    const staged = home();
    staged.report("a", 0);
    staged.now = 2_000;
    staged.report("a", 0.1);
    staged.now = 3_000;
    expect(staged.report("b", 0.1)).toMatchObject({ share: 0, nextSync: 2_000 });
    staged.now = 7_000;
    expect(staged.report("b", 0.1)).toMatchObject({ share: 0, nextSync: 2_000 });
    staged.now = 8_000;
    expect(staged.report("a", 0.1)).toMatchObject({ share: 0.5, nextSync: 2_000 });
    staged.now = 10_000;
    expect(staged.report("a", 0.1)).toMatchObject({ share: 0.5, nextSync: 6_000 });
    expect(staged.report("b", 0.1)).toMatchObject({ share: 0.5 });
  });

  it("leases nothing for a while where a record was lost in its first epoch, as soon as a replica shows it", () => {
    const staged = home();
    staged.report("a", 1);
    staged.record = undefined;
    // Who never heard of a home shows nothing.
    expect(staged.report("new", 0.2, { epoch: 0 }).share).toBe(1);
    expect(staged.report("a", 1, { lease: 1 }).share).toBe(0);
    expect(staged.record).toMatchObject({ quietUntil: 12_000 });
    staged.record = undefined;
    expect(staged.report("b", 1, { epoch: 1, lease: 0 }).share).toBe(0);
  });

  it("leaves each to its part in a fleet that is too large to be remembered, and forgets no lease that holds", () => {
    const staged = home();
    const views = Array.from({ length: 300 }, (_, index) => staged.report(`r${index}`, 0.001));
    expect(views[0]?.share).toBe(1);
    expect(views[299]).toMatchObject({ share: 0, fleet: 300, urgency: 40 / 300 });
    expect(staged.record?.members[0]).toMatchObject({ replica: "r0", leases: [{ share: 1 }] });
    staged.now = 2_500;
    expect(staged.report("r0", 0.001).fleet).toBeGreaterThan(256);
    staged.now = 20_000;
    for (let index = 0; index < 300; index++) staged.report(`r${index}`, 0.001);
    staged.now = 21_000;
    expect(staged.report("r1", 0.001)).toMatchObject({ share: 0, ttl: 0 });
  });

  it("does not take in who comes while all that are remembered hold leases", () => {
    const staged = home();
    for (let index = 0; index < 256; index++) staged.report(`r${index}`, 0.001);
    const { time, members } = staged.record as LimiterRecord;
    const leases = [{ seq: 0, share: 1 / 256, until: time + 9_000 }];
    staged.record = {
      ...(staged.record as LimiterRecord),
      members: members.map((member) => ({ ...member, leases })),
    };
    expect(staged.report("new", 1)).toMatchObject({ share: 0, nextSync: expect.any(Number) });
    expect(staged.record.members.map(({ replica }) => replica)).not.toContain("new");
  });

  it("tells without a report how many there are, and leases nothing by it", () => {
    const staged = home();
    staged.report("a", 1);
    expect(viewOf(staged.record as LimiterRecord)).toEqual({
      kind: "limiter",
      epoch: 1,
      share: 0,
      ttl: 0,
      fleet: 1,
      nextSync: 2_000,
    });
  });

  it("is no news and need not be stored at once, save its beginning and a leap", () => {
    const staged = home();
    staged.report("a", 1);
    const before = staged.record as LimiterRecord;
    staged.report("a", 0.5);
    const after = staged.record as LimiterRecord;
    expect([isNews(before, after), mustStore(before, after)]).toEqual([false, false]);
    expect([isNews(undefined, after), mustStore(undefined, after)]).toEqual([true, true]);
    expect(mustStore(before, { ...after, epoch: 9 })).toBe(true);
  });
});

describe("a limiter that is reset", () => {
  const rate = { limit: 10, per: 60_000, burst: 10 };
  const drained = (limiter: LeasedLimiter, now: number) => {
    while (limiter.take(now, 0) === 0);
    return limiter.available(now);
  };

  it("has each replica forget what it counted, once, when it reports next", () => {
    const staged = home();
    const limiter = new LeasedLimiter(rate);
    const sync = (at: number) => {
      staged.now = at;
      const report = limiter.report(at, () => "a");
      limiter.answered(report, staged.send(report), at, at, 1);
    };
    sync(0);
    sync(2_000);
    expect(drained(limiter, 2_000)).toBe(0);
    staged.record = resetLimit(staged.record, 2_500);
    expect(limiter.available(2_500)).toBe(0);
    sync(3_000);
    expect(limiter.available(3_000)).toBe(10);
    expect(drained(limiter, 3_000)).toBe(0);
    sync(4_000);
    expect(limiter.available(4_000)).toBe(0);
  });

  it("gives nothing to who comes later, nor again when its record was lost", () => {
    const staged = home();
    staged.record = resetLimit(resetLimit(undefined, 0), 0);
    const limiter = new LeasedLimiter(rate);
    const sync = (at: number) => {
      staged.now = at;
      const report = limiter.report(at, () => "a");
      limiter.answered(report, staged.send(report), at, at, 1);
    };
    drained(limiter, 0);
    sync(0);
    expect(limiter.available(0)).toBe(0);
    staged.record = undefined;
    sync(100);
    expect(limiter.available(100)).toBe(0);
    staged.record = resetLimit(staged.record, 200);
    sync(300);
    expect(limiter.available(300)).toBeGreaterThan(0);
  });

  it("must be stored, and is none of a circuit's", () => {
    const before = resetLimit(undefined, 0);
    expect(mustStore(before, resetLimit(before, 0))).toBe(true);
    expect(mustStore(before, before)).toBe(false);
    const [circuit] = coordinate(
      undefined,
      { replica: "a", seq: 1, epoch: 0, ok: 1, fail: 0, slow: 0, open: false, wantsProbe: false } as never,
      0,
    );
    expect(() => resetLimit(circuit, 0)).toThrow("this is the name of a circuit, and not of a limiter");
  });
});
