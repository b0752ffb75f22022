// In ffetch a 404 counts as a success that resets the breaker, or as a failure that trips it. Which statuses mean what is
// the fetch layer's; what a verdict of `ignored` does is here.
import { circuitBreaker, compose, constant, type Outcome, retry, type Verdict } from "ninelives";
import { describe, expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

const classify = (outcome: Outcome): Verdict => {
  const status = "value" in outcome ? Number(outcome.value) : 500;
  if (status === 429) return { kind: "ignored", retryable: true, retryAfter: 2_000 };
  if (status >= 500) return { kind: "failure", retryable: true };
  return status >= 400 ? { kind: "ignored", retryable: false } : { kind: "success", retryable: false };
};

describe("T18: an outcome that says nothing of the dependency", () => {
  it("neither opens a circuit nor resets its row of failures", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: 2 });
    const { succeed } = stage(circuit, { classify });
    for (let call = 0; call < 50; call++) await succeed(404);
    expect([circuit.state, circuit.snapshot().window.calls]).toEqual(["closed", 0]);
    await succeed(503);
    await succeed(404);
    await succeed(503);
    expect(circuit.state).toBe("open");
  });

  it("neither closes a half-open circuit nor opens it, and gives the permit back", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: 1, openFor: "1s" });
    const { clock, succeed } = stage(circuit, { classify });
    await succeed(503);
    await clock.advance(1_000);
    await succeed(404);
    expect(circuit.state).toBe("half-open");
    await succeed(200);
    expect(circuit.state).toBe("closed");
  });

  it("is repeated after the time it asks for where it is a 429, which opens no circuit", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: 1 });
    const policy = compose(retry({ attempts: 3, backoff: constant(10), jitter: "none" }), circuit);
    const { clock, origin, call } = stage(policy, { classify });
    const seen = call();
    origin.last.succeed(429);
    await clock.advance(1_999);
    expect(origin.calls.length).toBe(1);
    await clock.advance(1);
    origin.last.succeed(404);
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: 404 });
    expect(circuit.state).toBe("closed");
    expect(clock.pending).toBe(0);
  });
});
