// With the defaults of opossum and failsafe-go the first failure of a cold breaker opens it.
import { circuitBreaker, standard } from "ninelives";
import { expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

it("T8: one failure on a cold circuit does not open it, nor do 19", async () => {
  const circuit = circuitBreaker();
  const { fail } = stage(circuit);
  for (let made = 0; made < 19; made++) {
    await fail();
    expect(circuit.state).toBe("closed");
  }
});

it("T8: nor does it under the standard policy", async () => {
  const { clock, origin, sink, call } = stage(standard(), { random: () => 0 });
  origin.script(...Array.from({ length: 3 }, () => () => Promise.reject(new Error("down"))));
  call();
  for (let made = 0; made < 3; made++) await clock.advance(0);
  expect(origin.calls.length).toBe(3);
  expect(sink.types).not.toContain("circuit.opened");
});
