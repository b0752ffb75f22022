import {
  answer,
  bulkhead,
  circuitBreaker,
  compose,
  constant,
  orElse,
  rateLimit,
  retry,
  throttle,
  timeout,
} from "ninelives";
import { describe, expect, it } from "vitest";
import { stage } from "./stage.ts";

const down = new Error("down");
const twice = retry({ attempts: 2, backoff: constant("1s"), jitter: "none" });

describe("what a rejection says of its call", () => {
  it("timeout > retry: the attempts so far, and what the last of them came to", async () => {
    const { clock, origin, call } = stage(compose(timeout("3s"), retry({ attempts: 5, jitter: "none" })));
    const seen = call({ key: "tenant" });
    origin.last.fail(down);
    await clock.advance(3_000);
    expect(seen.error).toMatchObject({ kind: "timeout", key: "tenant", attempts: 2, cause: down });
  });

  it("retry > circuitBreaker: what opened the circuit under this very call", async () => {
    const { clock, origin, call } = stage(
      compose(twice, circuitBreaker({ name: "prices", consecutiveFailures: 1 })),
      {
        classify: (outcome) => ({
          kind: "value" in outcome ? "failure" : "ignored",
          retryable: "value" in outcome,
        }),
      },
    );
    const seen = call();
    origin.last.succeed(503);
    await clock.advance(1_000);
    expect(seen.error).toMatchObject({ kind: "circuit-open", policy: "prices", attempts: 1, cause: 503 });
    const next = call({ key: "k" });
    await clock.advance(0);
    expect(next.error).toMatchObject({ kind: "circuit-open", key: "k", attempts: 0 });
    // What another call met is none of this one's business.
    expect(next.error).not.toHaveProperty("cause");
  });

  it.each([
    ["bulkhead", bulkhead(1), "bulkhead-full"],
    ["rateLimit", rateLimit({ limit: 1, per: "1s" }), "rate-limited"],
    ["throttle", throttle({ k: 1, minimumCalls: 1 }), "throttled"],
  ] as const)("%s: the key, and that nothing was sent", async (_, policy, kind) => {
    const { clock, origin, call } = stage(policy, { random: () => 0 });
    call();
    if (kind === "throttled") origin.last.fail(down);
    await clock.advance(0);
    const seen = call({ key: "tenant" });
    await clock.advance(0);
    expect(seen.error).toMatchObject({ kind, key: "tenant", attempts: 0 });
    expect(origin.calls.length).toBe(1);
  });

  it("tells nothing of a call that was answered", async () => {
    const { clock, origin, call } = stage(orElse(compose(twice, timeout("1s")), answer<unknown>("stale")));
    const seen = call();
    origin.last.fail(down);
    await clock.advance(1_000);
    await clock.advance(1_000);
    expect(seen.seen).toEqual({ value: "stale" });
  });
});
