import { circuitBreaker, compose, environment, type Report, type Store, sharedBy } from "ninelives";
import { ManualClock } from "ninelives/testing";
import { describe, expect, it } from "vitest";

/** A circuit of a replica that begins with others, and what its home heard. */
function replica(spread?: number) {
  const clock = new ManualClock();
  const reports: Report[] = [];
  const store: Store = {
    async sync(_, report) {
      reports.push(report);
      return { epoch: 1, state: "closed", reason: "failures", remaining: 0, openFor: 0, nextSync: 2_000 };
    },
  };
  const circuit = circuitBreaker({ name: "db", shared: sharedBy(store, spread), consecutiveFailures: 1 });
  const call = compose(environment({ clock, random: () => 0.25 }), circuit).wrap(async (fails: boolean) => {
    if (fails) throw new Error("down");
  });
  return { clock, reports, call };
}

describe("the first report of a shared circuit", () => {
  it("goes with the first call", async () => {
    const { reports, call } = replica();
    await call(false);
    expect(reports).toHaveLength(1);
  });

  it("waits by chance where many may begin at once, and for no second time", async () => {
    const { clock, reports, call } = replica(8_000);
    await call(false);
    await clock.advance(1_999);
    await call(false);
    expect(reports).toEqual([]);
    await clock.advance(1);
    await call(false);
    expect(reports).toMatchObject([{ seq: 1, ok: 2 }]);
    await clock.advance(2_000);
    await call(false);
    expect(reports).toHaveLength(2);
  });

  it("does not wait with news", async () => {
    const { reports, call } = replica(8_000);
    await expect(call(true)).rejects.toThrow("down");
    expect(reports).toMatchObject([{ fail: 1, open: true }]);
  });
});
