// opossum shares one AbortController among calls, so that one call's timeout aborts another.
import { circuitBreaker, compose, isRejected, timeout } from "ninelives";
import { expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

it.each([true, false])(
  "T7: one call's timeout never aborts another (shared timers: %s)",
  async (sharesTimers) => {
    const { clock, origin, call } = stage(compose(circuitBreaker(), timeout("1s")), { sharesTimers });
    const callers = [];
    for (let made = 0; made < 10; made++) {
      callers.push(call());
      await clock.advance(100);
    }
    const signals = origin.calls.map(({ context }) => context.signal);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, ...Array(9).fill(false)]);
    expect(new Set(signals).size).toBe(10);
    for (const made of origin.calls.slice(1)) made.succeed("ok");
    await clock.advance(0);
    expect(isRejected(callers[0]?.error, "timeout")).toBe(true);
    expect(callers.slice(1).every(({ seen }) => typeof seen === "object" && "value" in seen)).toBe(true);
    expect(clock.pending).toBe(0);
  },
);
