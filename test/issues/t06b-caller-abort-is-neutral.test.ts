// cockatiel, opossum, Alfred and ffetch all count a caller's abort, as a failure or as a success.
import { circuitBreaker, compose, race, timeout } from "ninelives";
import { describe, expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

const down = new Error("down");
const hasty = { consecutiveFailures: 1, openFor: "1s" } as const;
const endings = {
  "the service fails with the reason": (signal: AbortSignal) => signal.reason,
  "the service fails with an error of its own": () => down,
  "the service fails with an AbortError": () => new DOMException("aborted", "AbortError"),
};

describe("T6b: a caller's abort is neither failure nor success", () => {
  it.each(Object.entries(endings))("when %s", async (_, ending) => {
    const circuit = circuitBreaker({ ...hasty, minimumCalls: 1 });
    const { clock, origin, call } = stage(circuit);
    const controller = new AbortController();
    const seen = call({ signal: controller.signal });
    controller.abort("typed on");
    origin.last.fail(ending(controller.signal));
    await clock.advance(0);
    expect(seen.error).toBe("typed on");
    expect([circuit.state, circuit.snapshot().window.calls]).toEqual(["closed", 0]);
  });

  it("an AbortError that is not the caller's is a failure like others", async () => {
    const circuit = circuitBreaker(hasty);
    const { fail } = stage(circuit);
    await fail(new DOMException("reset", "AbortError"));
    expect(circuit.state).toBe("open");
  });

  it.each([true, false])("a half-open probe's permit comes back, under a timeout: %s", async (bounded) => {
    const circuit = circuitBreaker(hasty);
    const { clock, origin, call, fail, succeed } = stage(bounded ? compose(timeout("1m"), circuit) : circuit);
    await fail();
    await clock.advance(1_000);
    const controller = new AbortController();
    call({ signal: controller.signal });
    controller.abort("typed on");
    expect(circuit.state).toBe("half-open");
    await succeed();
    expect(circuit.state).toBe("closed");
    expect(origin.calls.length).toBe(3);
    expect(clock.pending).toBe(0);
  });

  it("race: a losing probe counts as nothing and its permit comes back", async () => {
    const circuit = circuitBreaker(hasty);
    const { clock, origin, call } = stage(race(circuit, timeout("1m")));
    call();
    origin.calls[0]?.fail(down);
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(circuit.state).toBe("open");
    await clock.advance(1_000);
    call();
    expect(circuit.state).toBe("half-open");
    origin.last.succeed("other branch");
    await clock.advance(0);
    expect(circuit.state).toBe("half-open");
    const probes = origin.calls.length;
    call();
    expect(origin.calls.length).toBe(probes + 2);
    origin.calls.at(-2)?.succeed("probe");
    await clock.advance(0);
    expect(circuit.state).toBe("closed");
    expect(clock.pending).toBe(0);
  });
});
