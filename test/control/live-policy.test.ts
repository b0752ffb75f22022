import { describe, expect, it } from "vitest";
import { livePolicy } from "../../src/control/index.ts";
import { adaptive } from "../../src/core/adaptive.ts";
import { compose, identity, type Policy } from "../../src/core/policy.ts";
import { answer } from "../../src/policies/answer.ts";
import { circuitBreaker } from "../../src/policies/circuit-breaker.ts";
import { scriptedService } from "../../src/testing/index.ts";

describe("livePolicy", () => {
  it("goes by the policy in force when the call begins", async () => {
    const current = adaptive<Policy<void, string>>(identity);
    const origin = scriptedService<void, string>();
    const call = livePolicy(current).wrap(origin);
    const before = call();
    current.set(answer("new"));
    await expect(call()).resolves.toBe("new");
    origin.last.succeed("old");
    await expect(before).resolves.toBe("old");
    expect(origin.calls).toHaveLength(1);
  });

  it("links a policy once, not for each call", async () => {
    let linked = 0;
    const counted: Policy = Object.assign(compose(identity), {});
    const current = adaptive<Policy>({
      ...counted,
      recipe: { policy: "counted", arguments: [] },
      layer: (next) => {
        linked++;
        return next;
      },
      wrap: counted.wrap,
      execute: counted.execute,
    });
    const call = livePolicy(current).wrap(async () => "ok");
    for (let time = 0; time < 3; time++) await call(undefined);
    expect(linked).toBe(1);
  });

  it("keeps the state of a policy that comes back", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: 1 });
    const current = adaptive<Policy>(circuit);
    const call = livePolicy(current).wrap(() => Promise.reject(new Error("down")));
    await expect(call(undefined)).rejects.toThrow("down");
    current.set(identity);
    await expect(call(undefined)).rejects.toThrow("down");
    current.set(circuit);
    await expect(call(undefined)).rejects.toMatchObject({ kind: "circuit-open" });
  });
});
