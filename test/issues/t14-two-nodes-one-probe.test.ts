// circuitbreaker-lambda, stoma (10 of 10) and eridu-tech let every node probe, and let a stale writer overwrite newer state.
import { circuitBreaker } from "ninelives";
import { memoryStore } from "ninelives/stores/memory";
import { ManualClock, seededRandom } from "ninelives/testing";
import { expect, it } from "vitest";
import { coordinate } from "../../src/state/coordinator.ts";
import type { CircuitReport as Report } from "../../src/state/sync.ts";
import { stage } from "../policies/stage.ts";

it.each([2, 10])("T14: of %d nodes with a half-open circuit exactly one probes", async (size) => {
  const clock = new ManualClock();
  const shared = memoryStore({ clock });
  const nodes = Array.from({ length: size }, (_, index) => {
    const circuit = circuitBreaker({ name: "db", consecutiveFailures: 1, openFor: "10s", shared });
    return { circuit, ...stage(circuit, { clock, random: seededRandom(index + 1) }) };
  });
  for (const { succeed } of nodes) await succeed();
  for (const { fail } of nodes) await fail();
  expect(new Set(nodes.map(({ circuit }) => circuit.state))).toEqual(new Set(["open"]));
  await clock.advance(10_000);
  const before = nodes.map(({ origin }) => origin.calls.length);
  for (let round = 0; round < 20; round++) {
    for (const { call } of nodes) call();
    await clock.advance(50);
  }
  const sent = nodes.map(({ origin }, index) => origin.calls.length - (before[index] as number));
  expect(sent.reduce((sum, calls) => sum + calls, 0)).toBe(1);
});

it("T14: a stale writer is refused: what it reports of an older epoch changes nothing", () => {
  const rules = { openFor: 1_000, maximumOpenFor: 1_000, probes: 1, successesToClose: 1 };
  const report = (seq: number, says: Partial<Report>): Report => ({
    replica: "a",
    seq,
    epoch: 1,
    ok: 0,
    fail: 0,
    slow: 0,
    open: false,
    wantsProbe: false,
    rules,
    ...says,
  });
  const [opened, { epoch }] = coordinate(undefined, report(1, { open: true }), 0);
  const [halfOpen, { permit }] = coordinate(opened, report(2, { epoch, wantsProbe: true }), 1_000);
  expect(halfOpen.state).toBe("half-open");
  const probe = { permit: permit?.id ?? "", ok: true };
  const [after] = coordinate(halfOpen, report(3, { epoch: 1, ok: 100, open: true, probe }), 1_100);
  expect(after).toMatchObject({
    state: "half-open",
    epoch: halfOpen.epoch,
    counts: { ok: 0, fail: 0, slow: 0 },
  });
});
