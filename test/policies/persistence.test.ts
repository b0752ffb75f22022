import {
  adaptiveLimit,
  aimd,
  aimdRate,
  compose,
  environment,
  percentile,
  rateLimit,
  throttle,
  tokenBudget,
} from "ninelives";
import { ManualClock } from "ninelives/testing";
import { describe, expect, it } from "vitest";

const json = <T>(value: T): T => JSON.parse(JSON.stringify(value));
const down = () => Promise.reject(new Error("down"));

describe("adaptiveLimit", () => {
  it("goes on from the limit that was found, and learns on from there", async () => {
    const clock = new ManualClock();
    const make = () => adaptiveLimit({ algorithm: aimd({ slowAfter: "1s" }), initial: 50 });
    const before = make();
    const slow = compose(environment({ clock }), before).execute(async () => clock.advance(2_000));
    await slow;
    expect(before.limit).toBe(45);
    const next = make();
    next.restore(json(before.snapshot()));
    expect(next.limit).toBe(45);
    await compose(environment({ clock }), next).execute(async () => clock.advance(2_000));
    expect(next.limit).toBe(40);
  });

  it("keeps to its own bounds, whatever was found elsewhere", () => {
    const limit = adaptiveLimit({ maximum: 30 });
    limit.restore({ limit: 100 });
    expect(limit.limit).toBe(30);
  });

  it("refuses what is no snapshot, and stays as it was", () => {
    const limit = adaptiveLimit();
    for (const bad of [undefined, {}, { limit: "7" }, { limit: 0 }]) {
      expect(() => limit.restore(bad as never)).toThrow("restore: limit must be a number");
    }
    expect(limit.limit).toBe(20);
  });
});

describe("throttle", () => {
  const refusing = async (policy: ReturnType<typeof throttle>, clock: ManualClock): Promise<number> => {
    let reached = 0;
    const call = compose(environment({ clock, random: () => 0.5 }), policy);
    for (let each = 0; each < 20; each++) {
      await call
        .execute(() => {
          reached++;
          return down();
        })
        .catch(() => {});
    }
    return reached;
  };

  it("refuses from the first call on what it knew before", async () => {
    const clock = new ManualClock();
    const before = throttle();
    expect(await refusing(before, clock)).toBeGreaterThan(5);
    const kept = json(before.snapshot());
    expect(kept).toEqual({ requests: 20, refused: 20 });
    const next = throttle();
    next.restore(kept);
    expect(next.snapshot()).toEqual(kept);
    const other = new ManualClock();
    await other.advance(9e6);
    expect(await refusing(next, other)).toBe(0);
    expect(next.snapshot()).toEqual({ requests: 40, refused: 40 });
  });

  it("adds what it is given later, and forgets all of it after the window", async () => {
    const clock = new ManualClock();
    const policy = throttle({ window: "10s" });
    expect(policy.snapshot()).toEqual({ requests: 0, refused: 0 });
    await refusing(policy, clock);
    policy.restore({ requests: 100, refused: 1 });
    expect(policy.snapshot()).toEqual({ requests: 120, refused: 21 });
    await compose(environment({ clock }), policy).execute(async () => {});
    await clock.advance(11_000);
    expect(policy.snapshot()).toEqual({ requests: 0, refused: 0 });
  });

  it.each([undefined, {}, { requests: -1, refused: 0 }, { requests: 1, refused: 2 }])("refuses %j", (bad) => {
    expect(() => throttle().restore(bad as never)).toThrow(/^restore: re(quests|fused) must be/);
  });
});

describe("percentile", () => {
  it("goes on from the latencies that were seen", () => {
    const before = percentile(0.5, { window: 40 });
    for (let each = 0; each < 30; each++) before.record(each < 15 ? 100 : 200);
    const next = percentile(0.5, { window: 40 });
    expect(next({} as never)).toBe(2_000);
    next.restore(json(before.snapshot()));
    expect(next({} as never)).toBe(before({} as never));
  });

  it.each([undefined, {}, { older: [], newer: [[1, "2"]] }, { older: [7], newer: [] }])(
    "refuses %j",
    (bad) => {
      const latency = percentile(0.5);
      expect(() => latency.restore(bad as never)).toThrow(
        /^restore: (older|newer) must be pairs of whole numbers/,
      );
      expect(latency.snapshot()).toEqual({ older: [], newer: [] });
    },
  );
});

describe("rateLimit with feedback", () => {
  const make = () => rateLimit({ limit: 10, feedback: aimdRate({ increase: 0.2 }) });
  const classify = () => ({ kind: "ignored", retryable: true, retryAfter: 3_000 }) as const;

  it("goes on at the rate that the service bears, and leaves it alone for as long as it asked", async () => {
    const clock = new ManualClock();
    const before = make();
    await compose(environment({ clock, classify }), before).execute(async () => 429);
    await clock.advance(1_000);
    const kept = json(before.snapshot());
    expect(kept).toEqual({ used: 0, share: 0.5, pause: 2_000 });

    const later = new ManualClock();
    await later.advance(9e6);
    const next = make();
    next.restore(kept);
    expect([next.share, next.snapshot()]).toEqual([0.5, kept]);
    const call = compose(environment({ clock: later }), next);
    await expect(call.execute(async () => "fine")).rejects.toMatchObject({ retryAfter: 2_000 });
    await later.advance(2_000);
    await call.execute(async () => "fine");
    expect(next.share).toBe(0.5);
    await later.advance(1_000);
    await call.execute(async () => "fine");
    expect(next.share).toBe(0.7);
  });

  it("takes a snapshot of a limit without feedback, and the other way round", () => {
    const next = make();
    next.restore({ used: 3 });
    expect(next.snapshot()).toEqual({ used: 3, share: 1, pause: 0 });
    const plain = rateLimit(10);
    plain.restore({ used: 3, share: 0.5, pause: 7 });
    expect(plain.snapshot()).toEqual({ used: 3 });
  });

  it.each([
    [{ used: 0, share: 0 }, "restore: share must be"],
    [{ used: 0, share: "1" }, "restore: share must be"],
    [{ used: 0, pause: -1 }, "restore: pause must be"],
    [{ share: 0.5 }, "restore: used must be"],
    [undefined, "restore: used must be"],
  ])("refuses %j, and stays as it was", (bad, message) => {
    const policy = make();
    policy.restore({ used: 2, share: 0.7, pause: 9 });
    expect(() => policy.restore(bad as never)).toThrow(message);
    expect(policy.snapshot()).toEqual({ used: 2, share: 0.7, pause: 9 });
    expect(policy.share).toBe(0.7);
  });
});

describe("tokenBudget", () => {
  it("goes on with as many tokens gone", () => {
    const before = tokenBudget();
    before.spend(0);
    const next = tokenBudget();
    next.restore(json(before.snapshot()));
    expect(next.snapshot()).toEqual({ gone: 5 });
    expect(next.available(0)).toBe(99);
  });

  it("refuses what is no snapshot, and stays as it was", () => {
    const tokens = tokenBudget();
    for (const bad of [undefined, {}, { gone: -1 }, { gone: "5" }]) {
      expect(() => tokens.restore(bad as never)).toThrow("restore: gone must be a number");
    }
    expect(tokens.snapshot()).toEqual({ gone: 0 });
  });
});
