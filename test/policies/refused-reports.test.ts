import { circuitBreaker, compose, environment, type Report, sharedBy } from "ninelives";
import { ManualClock, recordingSink } from "ninelives/testing";
import { describe, expect, it } from "vitest";

/** A circuit whose home answers each report with an error that has these marks. */
function refusing(marks: object) {
  const clock = new ManualClock();
  const sink = recordingSink();
  const reports: Report[] = [];
  const shared = sharedBy({
    sync: (_, report) => {
      reports.push(report);
      return Promise.reject(Object.assign(new Error("no"), marks));
    },
  });
  const policy = compose(
    environment({ clock, sink, random: () => 0 }),
    circuitBreaker({ name: "prices", shared }),
  );
  /** A call each second. */
  const calls = async (seconds: number): Promise<void> => {
    for (let each = 0; each < seconds; each++) {
      await policy.execute(async () => "fine");
      await clock.advance(1_000);
    }
  };
  return { calls, reports, sink };
}

describe("a report that its home refuses", () => {
  it("is dropped, and the next one goes after half a minute, then a minute", async () => {
    const { calls, reports, sink } = refusing({ refused: true });
    await calls(100);
    expect(reports.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(sink.of("store.failed").map(({ retryIn }) => retryIn)).toEqual([30_000, 60_000, 120_000]);
  });

  it("is no report that got lost, which goes again unchanged", async () => {
    const { calls, reports } = refusing({ refused: false });
    await calls(100);
    expect(new Set(reports.map(({ seq }) => seq)).size).toBe(1);
    expect(reports.length).toBeGreaterThan(4);
  });

  it("is none that an overloaded home did not take", async () => {
    const { calls, reports, sink } = refusing({ overloaded: true });
    await calls(20);
    expect(reports.map(({ seq }) => seq)).toEqual([1, 1]);
    expect(sink.of("store.failed")[0]?.retryIn).toBe(8_000);
  });
});
