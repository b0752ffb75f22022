// On Workers a timer dies with the request that set it, so that a shared one would leave others waiting for ever, and only
// that request can clear it. What takes two requests is in test/node/two-requests.test.ts, in a workerd of its own.
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

it("T10: a waiter's timer that another request could not clear disturbs nobody", async () => {
  class OwnTimersOnly extends ManualClock {
    clears = true;

    override clearTimer(handle: unknown): void {
      if (this.clears) super.clearTimer(handle);
    }
  }
  const clock = new OwnTimersOnly({ sharesTimers: false });
  const policy = bulkhead({ limit: 1, queue: 3, maximumWait: "1s" });
  const { origin, call } = stage(policy, { clock });
  const [, entered, waiting] = [call(), call(), call()];
  clock.clears = false;
  origin.last.succeed("first");
  await clock.advance(500);
  clock.clears = true;
  expect([policy.active, policy.queued]).toEqual([1, 1]);
  const late = call();
  await clock.advance(500);
  expect([policy.active, policy.queued]).toEqual([1, 1]);
  expect(isRejected(waiting?.error, "bulkhead-full")).toBe(true);
  origin.last.succeed("second");
  await clock.advance(0);
  expect(entered?.seen).toEqual({ value: "second" });
  origin.last.succeed("third");
  await clock.advance(0);
  expect([late.seen, policy.active, policy.queued]).toEqual([{ value: "third" }, 0, 0]);
  expect(clock.pending).toBe(0);
});

it.each([true, false])(
  "T10: a call that was cut off and never settles keeps its slot only where it may still run (shared timers: %s)",
  async (sharesTimers) => {
    const policy = bulkhead({ limit: 1, queue: 1, maximumWait: "1m" });
    const { clock, origin, call } = stage(compose(timeout("1s"), policy), { sharesTimers });
    const cutOff = call();
    await clock.advance(500);
    const next = call();
    await clock.advance(500);
    expect(isRejected(cutOff.error, "timeout")).toBe(true);
    expect([origin.calls.length, policy.active, policy.queued]).toEqual(sharesTimers ? [1, 1, 1] : [2, 1, 0]);
    origin.calls[0]?.fail(new Error("at last"));
    await clock.advance(0);
    expect([origin.calls.length, policy.active, policy.queued]).toEqual([2, 1, 0]);
    origin.last.succeed("ok");
    await clock.advance(0);
    expect([next.seen, policy.active, clock.pending]).toEqual([{ value: "ok" }, 0, 0]);
  },
);

it("T10: a slot comes back once, and at the end where nothing was cut off", async () => {
  const policy = bulkhead(1);
  const { clock, origin, call } = stage(compose(timeout("1s"), policy), { sharesTimers: false });
  for (const end of ["succeed", "fail"] as const) {
    call();
    expect(policy.active).toBe(1);
    origin.last[end](new Error("any"));
    await clock.advance(0);
    expect(policy.active).toBe(0);
    await clock.advance(1_000);
    expect(policy.active).toBe(0);
  }
  expect(clock.pending).toBe(0);
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
