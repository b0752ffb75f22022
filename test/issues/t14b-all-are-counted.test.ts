// stoma's Redis store reads, adds and writes: of ten concurrent failures from ten nodes it counts one.
import { circuitBreaker, type Report, type Store, sharedBy, type View } from "ninelives";
import { ManualClock, seededRandom } from "ninelives/testing";
import { expect, it } from "vitest";
import { type CircuitRecord, coordinate, type SharedRecord } from "../../src/state/coordinator.ts";
import { stage } from "../policies/stage.ts";

it("T14b: concurrent failures from ten nodes are all counted, and a majority of distinct nodes opens", async () => {
  const clock = new ManualClock();
  let record: SharedRecord | undefined;
  const store: Store = {
    async sync(_: string, report: Report): Promise<View> {
      const [after, view] = coordinate(record, report, clock.now());
      record = after;
      return view;
    },
  };
  const nodes = Array.from({ length: 10 }, (_, index) => {
    const circuit = circuitBreaker({
      name: "db",
      consecutiveFailures: 3,
      openFor: "10s",
      shared: sharedBy(store),
    });
    return { circuit, ...stage(circuit, { clock, random: seededRandom(index + 1) }) };
  });
  for (const { succeed } of nodes) await succeed();
  for (const { fail } of nodes) await fail();
  await clock.advance(2_100);
  for (const { call } of nodes) call();
  await clock.advance(0);
  expect((record as CircuitRecord | undefined)?.counts.fail).toBe(10);
  expect((record as CircuitRecord | undefined)?.state).toBe("closed");
  for (const { fail } of nodes.slice(0, 5)) {
    await fail();
    await fail();
  }
  expect((record as CircuitRecord | undefined)?.state).toBe("closed");
  const sixth = nodes[5];
  await sixth?.fail();
  await sixth?.fail();
  expect((record as CircuitRecord | undefined)?.state).toBe("open");
});
