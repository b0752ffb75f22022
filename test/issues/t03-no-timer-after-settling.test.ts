// Alfred and opossum leave timers behind that keep a process alive.
import {
  type AnyPolicy,
  adaptiveLimit,
  bulkhead,
  cache,
  circuitBreaker,
  coalesce,
  compose,
  databaseClient,
  externalApi,
  fallback,
  hedge,
  keyed,
  orElse,
  race,
  rateLimit,
  retry,
  standard,
  throttle,
  timeout,
} from "ninelives";
import { describe, expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

const policies: Record<string, () => AnyPolicy> = {
  timeout: () => timeout("1m"),
  "timeout > timeout": () => compose(timeout("1m"), timeout("2m")),
  "retry > timeout": () => compose(retry(1), timeout("1m")),
  "bulkhead with a queue": () => bulkhead({ limit: 1, queue: 1, maximumWait: "1m" }),
  "race > timeout": () => race(timeout("1m"), timeout("2m")),
  circuitBreaker: () => circuitBreaker(),
  "circuitBreaker, half-open": () => {
    const circuit = circuitBreaker({ openFor: 1 });
    circuit.restore({ ...circuit.snapshot(), state: "half-open" });
    return circuit;
  },
  "adaptiveLimit > timeout": () => compose(adaptiveLimit(), timeout("1m")),
  "rateLimit > retry": () => compose(rateLimit(1), retry(2)),
  "throttle > hedge": () => compose(throttle(), hedge(0)),
  "hedge > timeout": () => compose(hedge("10ms"), timeout("1m")),
  "cache > coalesce": () =>
    compose(
      cache({ key: () => "a", ttl: "1m" }),
      coalesce(() => "a"),
    ) as unknown as AnyPolicy,
  "orElse > fallback": () => orElse(retry(2), fallback<unknown>("stale")) as unknown as AnyPolicy,
  keyed: () => keyed(() => compose(timeout("1m"), circuitBreaker())),
  externalApi: () => externalApi(),
  databaseClient: () => databaseClient(),
  standard: () => standard(),
};

/** How many listen to a signal. */
function counted(signal: AbortSignal): () => number {
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--;
    removeEventListener.apply(signal, args);
  };
  return () => listeners;
}

describe.each(Object.entries(policies))("T3: %s leaves no timer and no listener behind", (_, make) => {
  it.each(["success", "failure", "abort", "deadline"] as const)("after %s", async (end) => {
    for (const sharesTimers of [true, false]) {
      const { clock, origin, call } = stage(make(), { sharesTimers, random: () => 0 });
      const controller = new AbortController();
      const listeners = counted(controller.signal);
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
      expect([clock.pending, listeners()]).toEqual([0, 0]);
    }
  });
});
