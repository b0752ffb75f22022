// Alfred hands its operation no signal, or one that never aborts, under some nestings.
import { type AnyPolicy, compose, constant, definePolicy, orElse, race, retry, timeout } from "ninelives";
import { describe, expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

const steady = retry({ attempts: 2, backoff: constant(0), jitter: "none" });
const never = definePolicy("never", () => () => new Promise(() => {}));

describe("T2: the service receives a signal that is live", () => {
  it.each<[string, AnyPolicy]>([
    ["timeout > retry", compose(timeout("1s"), steady)],
    ["retry > timeout", compose(steady, timeout("1s"))],
    ["race > timeout", race(timeout("1s"), never)],
    ["timeout > race", compose(timeout("1s"), race(never, steady))],
    ["orElse > timeout", orElse(timeout("1s"), never)],
  ])("%s: the timeout aborts it", async (_, policy) => {
    const { clock, origin, call } = stage(policy);
    call();
    const { signal } = origin.last.context;
    await clock.advance(999);
    expect(signal.aborted).toBe(false);
    await clock.advance(1);
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ kind: "timeout" });
  });

  it.each<[string, AnyPolicy]>([
    ["timeout > retry", compose(timeout("1s"), steady)],
    ["retry > timeout", compose(steady, timeout("1s"))],
    ["race", race(timeout("1s"), steady)],
    ["retry", steady],
  ])("%s: the caller aborts it, in a later attempt too", async (name, policy) => {
    const { clock, origin, call } = stage(policy);
    const controller = new AbortController();
    call({ signal: controller.signal });
    const calls = origin.calls.length;
    origin.calls[0]?.fail(new Error("down"));
    await clock.advance(0);
    const attempts = origin.calls.slice(calls);
    expect(attempts.length).toBe(name === "race" ? 0 : 1);
    const { signal } = origin.last.context;
    expect(signal.aborted).toBe(false);
    controller.abort("navigated");
    expect([signal.aborted, signal.reason]).toEqual([true, "navigated"]);
    for (const made of origin.calls) if (!made.settled) made.fail(signal.reason);
    await clock.advance(0);
    expect(clock.pending).toBe(0);
  });

  it("race: a loser's signal aborts when the race is won", async () => {
    const { clock, origin, call } = stage(race(timeout("1s"), timeout("2s")));
    call();
    const signals = origin.calls.map(({ context }) => context.signal);
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    expect(clock.pending).toBe(0);
  });
});
