// No peer says what its breaker does when its store is down. Ours goes on by itself.
import { circuitBreaker, isRejected, type Store, sharedBy } from "ninelives";
import { expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

const stores: Record<string, Store> = {
  rejects: { sync: () => Promise.reject(new Error("unreachable")) },
  throws: {
    sync: () => {
      throw new Error("unreachable");
    },
  },
  "never answers": { sync: () => new Promise(() => {}) },
};

it.each(Object.entries(stores))("T15: with a store that %s the local circuit goes on", async (how, store) => {
  const circuit = circuitBreaker({ consecutiveFailures: 2, openFor: "1s", shared: sharedBy(store) });
  const { clock, origin, sink, call, succeed, fail } = stage(circuit);
  expect((await succeed()).seen).toEqual({ value: "ok" });
  await fail();
  await fail();
  expect(circuit.state).toBe("open");
  const refused = call();
  await clock.advance(0);
  expect(isRejected(refused.error, "circuit-open")).toBe(true);
  await clock.advance(1_000);
  await succeed();
  expect(circuit.state).toBe("closed");
  expect(origin.calls.length).toBe(4);
  expect(sink.types.includes("store.failed")).toBe(how !== "never answers");
  expect(clock.pending).toBe(0);
});
