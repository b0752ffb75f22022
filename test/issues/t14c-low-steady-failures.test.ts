// stoma counts failures without a window: at 1 % of failures it opens in the end.
import { type CircuitBreakerOptions, circuitBreaker } from "ninelives";
import { expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

it.each<[CircuitBreakerOptions]>([[{}], [{ window: "10s" }], [{ consecutiveFailures: 5 }]])(
  "T14c: a steady 1 %% of failures never opens a circuit with %j",
  async (options) => {
    const circuit = circuitBreaker(options);
    const { clock, succeed, fail } = stage(circuit);
    for (let call = 1; call <= 3_000; call++) {
      await (call % 100 === 0 ? fail() : succeed());
      if (call % 10 === 0) await clock.advance(100);
      expect(circuit.state).toBe("closed");
    }
    expect(circuit.failureRate).toBeLessThanOrEqual(0.02);
  },
);
