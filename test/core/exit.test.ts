import {
  bulkhead,
  circuitBreaker,
  compose,
  constant,
  definePolicy,
  environment,
  identity,
  keyed,
  RejectedError,
  retry,
  timeout,
} from "ninelives";
import { ManualClock, scriptedService } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

const down = new Error("down");
const asked = new Error("asked the wrong function");
const throws = (): never => {
  throw asked;
};
/** A layer that is a function of services, as users write them. */
const plain = definePolicy("plain", (next) => (request, context) => next(request, context));

describe("layers that lie together", () => {
  it.each([
    ["retry", () => retry({ attempts: 2, retryOn: throws })],
    ["a back-off", () => retry({ attempts: 2, backoff: throws })],
  ])(
    "let what a function of %s throws out, past a bulkhead and a circuit that have noted it",
    async (_, inner) => {
      const slots = bulkhead(1);
      const circuit = circuitBreaker({ consecutiveFailures: 1 });
      for (const between of [identity, plain]) {
        circuit.reset();
        const { fail } = stage(compose(slots, circuit, timeout("1s"), between, inner()));
        expect((await fail(down)).error).toBe(asked);
        expect(slots.active).toBe(0);
        expect(circuit.state).toBe("open");
      }
    },
  );

  it.each([
    ["at once", () => compose(bulkhead(1), timeout(throws))],
    ["below a plain layer", () => compose(bulkhead(1), plain, timeout(throws))],
    [
      "below a key",
      () =>
        compose(
          bulkhead(1),
          keyed(() => timeout(throws)),
        ),
    ],
  ])("let what an option throws out %s", async (_, policy) => {
    const { call, clock } = stage(policy());
    for (let each = 0; each < 2; each++) {
      const caller = call();
      await clock.advance(0);
      expect(caller.error).toBe(asked);
    }
  });

  it("let what a classifier throws out, and free their slots", async () => {
    const slots = bulkhead(1);
    for (const settle of ["succeed", "fail"] as const) {
      for (const inner of [circuitBreaker(), retry(2), identity]) {
        const clock = new ManualClock();
        const origin = scriptedService<void, string>();
        const policy = compose(slots, environment({ clock, classify: throws, sink: { emit() {} } }), inner);
        const answer = policy.wrap(origin)();
        if (settle === "succeed") origin.last.succeed("ok");
        else origin.last.fail(down);
        const unjudged = settle === "fail" && inner === identity;
        await expect(answer).rejects.toBe(unjudged ? down : asked);
        expect(slots.active).toBe(0);
      }
    }
  });

  it("settle once, whatever comes later", async () => {
    const { call, clock, origin } = stage(compose(retry(1), timeout("1s"), bulkhead(1), plain));
    const caller = call();
    await clock.advance(1_000);
    expect(caller.error).toMatchObject({ kind: "timeout" });
    origin.last.fail(down);
    await clock.advance(0);
    expect(caller.error).toBeInstanceOf(RejectedError);
  });

  it("are one chain with a layer that is a function of services between them", async () => {
    const clock = new ManualClock();
    const origin = scriptedService<void, string>();
    const policy = compose(
      environment({ clock }),
      retry({ attempts: 2, backoff: constant(10), jitter: "none" }),
      plain,
      timeout("1s"),
      plain,
      bulkhead(1),
    );
    const answer = policy.wrap(origin)();
    origin.last.fail(down);
    await clock.advance(10);
    origin.last.succeed("ok");
    expect(await answer).toBe("ok");
    expect(origin.calls.length).toBe(2);
    expect(clock.pending).toBe(0);
  });
});
