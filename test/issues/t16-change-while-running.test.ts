// resilience4j (#2325) loses a breaker's state when its configuration changes; Polly stops reloading after one bad change.
import { adaptive, bulkhead, compose, isRejected, retry, timeout } from "ninelives";
import { describe, expect, it } from "vitest";
import { Circuit } from "../../src/state/circuit.ts";
import { CountWindow, failed } from "../../src/state/window.ts";
import { stage } from "../policies/stage.ts";

describe("T16: a change while it runs", () => {
  it("keeps a circuit's window, its open state and its progress while half-open", () => {
    const time = { at: 0, now: () => time.at };
    const rules = {
      consecutiveFailures: Infinity,
      failureRate: 0.5,
      slowCallRate: 2,
      minimumCalls: 10,
      openFor: 1_000,
      maximumOpenFor: 1_000,
      probes: 1,
      successesToClose: 3,
    };
    const circuit = new Circuit(rules, new CountWindow(100));
    for (let call = 0; call < 5; call++) circuit.record(circuit.epoch, failed, time);
    circuit.rules.minimumCalls = 6;
    expect([circuit.state, circuit.window.failures]).toEqual(["closed", 5]);
    circuit.record(circuit.epoch, failed, time);
    circuit.rules.openFor = 9_000;
    expect([circuit.state, circuit.retryAfter(time)]).toEqual(["open", 1_000]);
    time.at = 1_000;
    for (let probe = 0; probe < 2; probe++) {
      circuit.admit(time);
      circuit.record(circuit.epoch, 0, time);
    }
    circuit.rules.successesToClose = 4;
    circuit.admit(time);
    circuit.record(circuit.epoch, 0, time);
    expect(circuit.state).toBe("half-open");
    circuit.admit(time);
    circuit.record(circuit.epoch, 0, time);
    expect(circuit.state).toBe("closed");
  });

  it("that is refused leaves the old value in force, and later ones still apply", async () => {
    const [after, attempts, limit] = [adaptive<number>(1_000), adaptive(2), adaptive(1)];
    const policy = compose(bulkhead({ limit }), retry({ attempts }), timeout(after));
    const { clock, call, origin } = stage(policy, { random: () => 0 });
    expect(() => after.set(-1)).toThrow(RangeError);
    expect(() => attempts.set(0)).toThrow(RangeError);
    expect(() => limit.set(0.5)).toThrow(RangeError);
    const [first, second] = [call(), call()];
    await clock.advance(0);
    expect(isRejected(second?.error, "bulkhead-full")).toBe(true);
    after.set(300);
    limit.set(2);
    const third = call();
    await clock.advance(300);
    await clock.advance(300);
    expect(isRejected(third.error, "timeout")).toBe(true);
    await clock.advance(400);
    await clock.advance(300);
    expect(isRejected(first?.error, "timeout")).toBe(true);
    expect(origin.calls.length).toBe(4);
    expect(clock.pending).toBe(0);
  });
});
