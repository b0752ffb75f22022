// Alfred and ffetch let every concurrent call through while they are half-open.
import { circuitBreaker } from "ninelives";
import { expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

it.each([1, 2, 5])(
  "T5: of 20 concurrent calls to a half-open circuit exactly %d reach the backend",
  async (probes) => {
    const circuit = circuitBreaker({
      consecutiveFailures: 1,
      openFor: "1s",
      probes,
      successesToClose: probes,
    });
    const { clock, origin, call, fail } = stage(circuit);
    await fail();
    await clock.advance(1_000);
    const callers = Array.from({ length: 20 }, () => call());
    await clock.advance(500);
    expect(origin.calls.length - 1).toBe(probes);
    expect(callers.filter(({ seen }) => seen !== "nothing yet").length).toBe(20 - probes);
    for (const made of origin.calls.slice(1)) made.succeed("ok");
    await clock.advance(0);
    expect(circuit.state).toBe("closed");
    expect(clock.pending).toBe(0);
  },
);

it("T5: a probe that hangs is replaced by one other, however late it gives its permit back", async () => {
  const circuit = circuitBreaker({ consecutiveFailures: 1, openFor: "1s" });
  const { clock, origin, call, fail } = stage(circuit);
  await fail();
  await clock.advance(1_000);
  const controller = new AbortController();
  call({ signal: controller.signal });
  await clock.advance(1_000);
  call();
  controller.abort();
  for (let made = 0; made < 20; made++) call();
  await clock.advance(0);
  expect(origin.calls.length - 1).toBe(2);
});
