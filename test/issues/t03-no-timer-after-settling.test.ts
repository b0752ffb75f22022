// Alfred and opossum leave timers behind that keep a process alive.
import { type AnyPolicy, bulkhead, circuitBreaker, compose, race, retry, standard, timeout } from "ninelives";
import { describe, expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

const policies: Record<string, () => AnyPolicy> = {
  timeout: () => timeout("1m"),
  "timeout > timeout": () => compose(timeout("1m"), timeout("2m")),
  "retry > timeout": () => compose(retry(1), timeout("1m")),
  "bulkhead with a queue": () => bulkhead({ limit: 1, queue: 1, maximumWait: "1m" }),
  "race > timeout": () => race(timeout("1m"), timeout("2m")),
  circuitBreaker: () => circuitBreaker(),
  standard: () => standard(),
};

describe.each(Object.entries(policies))("T3: %s leaves no timer behind", (_, make) => {
  it.each(["success", "failure", "abort", "deadline"] as const)("after %s", async (end) => {
    for (const sharesTimers of [true, false]) {
      const { clock, origin, call } = stage(make(), { sharesTimers, random: () => 0 });
      const controller = new AbortController();
      const seen = call({ signal: controller.signal, ...(end === "deadline" ? { deadline: "1s" } : {}) });
      if (end === "abort") controller.abort("gone");
      for (let step = 0; step < 5; step++) {
        for (const made of origin.calls) {
          if (made.settled) continue;
          if (end === "success") made.succeed("ok");
          else if (end === "failure" || end === "abort") made.fail(new Error("down"));
        }
        await clock.advance(end === "deadline" ? 1_000 : 0);
      }
      expect(seen.seen).not.toBe("nothing yet");
      expect(clock.pending).toBe(0);
    }
  });
});
