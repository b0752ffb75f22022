import { describe, expect, it } from "vitest";
import {
  command,
  coordinate,
  endsIn,
  expire,
  isNews,
  type LeaseRecord,
  mustStore,
  revive,
  viewOf,
} from "../../src/state/coordinator.ts";
import type { LeaseReport, LeaseView } from "../../src/state/sync.ts";

/** A home whose clock the test sets. */
function home(now = 0) {
  const seqs = new Map<string, number>();
  const staged = {
    record: undefined as LeaseRecord | undefined,
    now,
    send(report: LeaseReport): LeaseView {
      const [after, view] = coordinate(staged.record, report, staged.now);
      staged.record = JSON.parse(JSON.stringify(after));
      return view;
    },
    report(replica: string, says: Partial<LeaseReport> = {}): LeaseView {
      const seq = (seqs.get(replica) ?? 0) + 1;
      seqs.set(replica, seq);
      const { epoch = 0 } = staged.record ?? {};
      return staged.send({ kind: "lease", replica, seq, epoch, wants: true, ttl: 10_000, ...says });
    },
  };
  return staged;
}

describe("coordinate, of a lease", () => {
  it("gives it to whoever asks first, for a little less than the home waits", () => {
    expect(home().report("a")).toEqual({
      kind: "lease",
      epoch: 2,
      held: true,
      remaining: 9_000,
      nextSync: 3_333,
    });
  });

  it("tells the others when it ends, to ask then", () => {
    const staged = home();
    staged.report("a");
    staged.now = 9_000;
    expect(staged.report("b")).toEqual({
      kind: "lease",
      epoch: 2,
      held: false,
      remaining: 1_000,
      nextSync: 1_000,
    });
    staged.now = 9_990;
    expect(staged.report("b").nextSync).toBe(100);
    staged.now = 1_000;
    expect(staged.report("c", { wants: false })).toMatchObject({ held: false, nextSync: 2_000 });
  });

  it("leaves it to who holds it and renews in time, under one token", () => {
    const staged = home();
    const { epoch } = staged.report("a");
    for (staged.now = 3_000; staged.now <= 60_000; staged.now += 3_000) {
      expect(staged.report("a")).toMatchObject({ held: true, epoch, remaining: 9_000 });
      expect(staged.report("b")).toMatchObject({ held: false, epoch });
    }
  });

  it("gives it to another when its time is over, under a higher token", () => {
    const staged = home();
    const { epoch } = staged.report("a");
    staged.now = 9_999;
    expect(staged.report("b").held).toBe(false);
    staged.now = 10_000;
    const view = staged.report("b");
    expect(view.held).toBe(true);
    expect(view.epoch).toBeGreaterThan(epoch);
    expect(staged.report("a").held).toBe(false);
  });

  it("gives it to another at once when its holder gives it up", () => {
    const staged = home();
    const { epoch } = staged.report("a");
    const free = staged.report("a", { wants: false });
    expect(free).toMatchObject({ held: false, remaining: 0 });
    expect(free.epoch).toBeGreaterThan(epoch);
    expect(staged.report("b").held).toBe(true);
  });

  it("is not given up by who does not hold it", () => {
    const staged = home();
    staged.report("a");
    staged.report("b", { wants: false });
    expect(staged.report("a").held).toBe(true);
  });

  it("renews nothing for a repeated report, and gives nothing up for one that comes late", () => {
    const staged = home();
    const report: LeaseReport = { kind: "lease", replica: "a", seq: 5, epoch: 0, wants: true, ttl: 10_000 };
    staged.send({ ...report, seq: 4, wants: false });
    staged.send(report);
    staged.now = 4_000;
    expect(staged.send(report)).toMatchObject({ held: true, remaining: 5_400 });
    expect(staged.send({ ...report, seq: 4, wants: false })).toMatchObject({ held: true });
  });

  it("that was lost goes to nobody by it, and to the next one under a token past all before", () => {
    const staged = home();
    staged.report("b");
    const view = staged.report("a", { epoch: 41 });
    expect(view.held).toBe(true);
    expect(view.epoch).toBeGreaterThan(41);
    expect(staged.report("b").held).toBe(false);
  });

  it("begins its tokens at the home's time: one that was wiped gives none older than before", () => {
    const before = home(1_000_000).report("a").epoch;
    expect(home(1_000_500.5).report("b").epoch).toBeGreaterThan(before);
  });

  it("ends by itself in a home that wakes, which is news and must be stored", () => {
    const staged = home();
    staged.report("a");
    const record = staged.record as LeaseRecord;
    expect(endsIn(record)).toBe(10_000);
    expect(expire(record, 9_999)).toMatchObject({ holder: "a", epoch: 2 });
    const over = expire(record, 10_000) as LeaseRecord;
    expect(over).toMatchObject({ holder: "", epoch: 3 });
    expect(endsIn(over)).toBeUndefined();
    expect([isNews(record, over), mustStore(record, over)]).toEqual([true, true]);
    expect(viewOf(over)).toEqual({ kind: "lease", epoch: 3, held: false, remaining: 0, nextSync: 2_000 });
  });

  it("must be stored when it is renewed, and not for who only asks", () => {
    const staged = home();
    staged.report("a");
    const before = staged.record as LeaseRecord;
    staged.report("b");
    expect(mustStore(before, staged.record as LeaseRecord)).toBe(false);
    staged.now = 1_000;
    staged.report("a");
    expect(mustStore(before, staged.record as LeaseRecord)).toBe(true);
    expect(revive(before)).toBe(before);
  });

  it("asks a large fleet for fewer urgent reports", () => {
    const staged = home();
    for (let index = 0; index < 79; index++) staged.report(`r${index}`);
    expect(staged.report("last").urgency).toBe(0.5);
  });

  it("is no circuit and no limiter", () => {
    const staged = home();
    staged.report("a");
    const report = { kind: "limiter", replica: "a", seq: 1, epoch: 0, demand: 1, lease: 0 } as const;
    expect(() => coordinate(staged.record, report, 0)).toThrow(
      "this is the name of a lease, and not of a limiter",
    );
    expect(() => command(staged.record, "open", 0)).toThrow(
      "this is the name of a lease, and not of a circuit",
    );
  });
});
