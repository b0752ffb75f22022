// opossum counts its own semaphore's and its own open state's rejections as failures of the dependency.
import {
  type AnyPolicy,
  bulkhead,
  circuitBreaker,
  compose,
  definePolicy,
  isRejected,
  orElse,
  RejectedError,
  race,
} from "ninelives";
import { describe, expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

const hasty = { consecutiveFailures: 1 } as const;
const limited = definePolicy(
  "limited",
  () => () => Promise.reject(new RejectedError("rate-limited", "limited", "wait")),
);
const full = (): AnyPolicy => {
  const none = bulkhead(1);
  none.execute(() => new Promise(() => {}));
  return none;
};
const opened = (): AnyPolicy => {
  const other = circuitBreaker({ name: "other" });
  other.open();
  return other;
};

describe("T6: a policy's own rejection is no failure of the dependency", () => {
  it.each<[string, () => AnyPolicy, string]>([
    ["bulkhead", full, "bulkhead-full"],
    ["another circuit", opened, "circuit-open"],
    ["a limiter", () => limited, "rate-limited"],
    ["all branches of an orElse", () => orElse(full(), opened()), "all"],
    ["all branches of a race", () => race(full(), limited), "all"],
  ])("circuitBreaker > %s", async (_, make, kind) => {
    const circuit = circuitBreaker(hasty);
    const { clock, origin, call } = stage(compose(circuit, make()));
    const callers = Array.from({ length: 5 }, () => call());
    await clock.advance(0);
    for (const { error } of callers) {
      if (kind === "all") expect(error).toBeInstanceOf(AggregateError);
      else expect(isRejected(error, kind)).toBe(true);
    }
    expect([circuit.state, circuit.snapshot().window.calls, origin.calls.length]).toEqual(["closed", 0, 0]);
  });

  it("a refused probe gives its permit back", async () => {
    const circuit = circuitBreaker({ ...hasty, openFor: "1s" });
    const slots = bulkhead(1);
    const { clock, succeed, fail, call } = stage(compose(circuit, slots));
    await fail();
    await clock.advance(1_000);
    let free: (value: string) => void = () => {};
    slots.execute(
      () =>
        new Promise((resolve) => {
          free = resolve;
        }),
    );
    const refused = call();
    await clock.advance(0);
    expect(isRejected(refused.error, "bulkhead-full")).toBe(true);
    free("done");
    await clock.advance(0);
    await succeed();
    expect(circuit.state).toBe("closed");
  });
});
