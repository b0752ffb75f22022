// fedify lets shared state expire before the circuit half-opens; pybreaker's new instances reset it.
import { circuitBreaker } from "ninelives";
import { memoryStore } from "ninelives/stores/memory";
import { ManualClock, seededRandom } from "ninelives/testing";
import { expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

it("T13: a new instance does not reset what is shared, and an open circuit lasts as long as it should", async () => {
  const clock = new ManualClock();
  const shared = memoryStore({ clock });
  const make = (seed: number) => {
    const circuit = circuitBreaker({ name: "db", consecutiveFailures: 1, openFor: "5m", shared });
    return { circuit, ...stage(circuit, { clock, random: seededRandom(seed) }) };
  };
  const first = make(1);
  await first.succeed();
  await first.fail();
  expect(first.circuit.state).toBe("open");
  for (const [seed, after] of [
    [2, 0],
    [3, 299_000],
  ] as const) {
    await clock.advance(after);
    const next = make(seed);
    await next.succeed();
    expect(next.circuit.state).toBe("open");
  }
});
