// On Workers a timer dies with the request that set it, so that a shared one would leave others waiting for ever. That a
// waiter in another request is released takes two requests: see test/workers.
import { bulkhead, circuitBreaker, compose, isRejected, retry, timeout } from "ninelives";
import { ManualClock } from "ninelives/testing";
import { expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

/** A clock under which the timers of one request die with it, as on Workers. */
class RequestClock extends ManualClock {
  readonly #mine = new Map<string, unknown[]>();
  request = "";

  override setTimer(callback: () => void, ms: number): unknown {
    const handle = super.setTimer(callback, ms);
    this.#mine.set(this.request, [...(this.#mine.get(this.request) ?? []), handle]);
    return handle;
  }

  /** The request ends: so do its timers. */
  end(request: string): void {
    for (const handle of this.#mine.get(request) ?? []) this.clearTimer(handle);
  }
}

it("T10: a bulkhead's waiters have a timer each", async () => {
  const clock = new RequestClock({ sharesTimers: false });
  const { call } = stage(bulkhead({ limit: 1, queue: 3, maximumWait: "1s" }), { clock });
  call();
  const waiting = ["first", "second"].map((request) => {
    clock.request = request;
    return call();
  });
  expect(clock.pending).toBe(2);
  clock.end("first");
  await clock.advance(1_000);
  expect(isRejected(waiting[1]?.error, "bulkhead-full")).toBe(true);
});

it("T10: calls under one timeout have a timer each", async () => {
  const clock = new RequestClock({ sharesTimers: false });
  const { call } = stage(timeout("1s"), { clock });
  const calls = ["first", "second", "third"].map((request) => {
    clock.request = request;
    return call();
  });
  expect(clock.pending).toBe(3);
  clock.end("first");
  await clock.advance(1_000);
  expect(calls.map(({ seen }) => seen === "nothing yet")).toEqual([true, false, false]);
  expect(clock.pending).toBe(0);
});

it("T10: with shared timers the same calls need one", async () => {
  const { clock, call } = stage(timeout("1s"), { sharesTimers: true });
  for (let made = 0; made < 3; made++) call();
  expect(clock.pending).toBe(1);
  await clock.advance(1_000);
  expect(clock.pending).toBe(0);
});

it("T10: back-offs and deadlines have timers of their own too", async () => {
  const clock = new RequestClock({ sharesTimers: false });
  const { origin, call } = stage(compose(circuitBreaker(), retry(3)), { clock, random: () => 0.999 });
  clock.request = "first";
  call({ deadline: "5s" });
  clock.request = "second";
  call({ deadline: "5s" });
  expect(clock.pending).toBe(2);
  origin.calls[1]?.fail(new Error("down"));
  await clock.advance(0);
  clock.end("first");
  await clock.advance(100);
  expect(origin.calls.length).toBe(3);
});
