import {
  AllFailedError,
  adaptive,
  type Classify,
  circuitBreaker,
  compose,
  constant,
  environment,
  format,
  type HedgeOptions,
  hedge,
  isRejected,
  parse,
  percentile,
  RejectedError,
  type RetryBudget,
  retry,
  retryBudget,
  timeout,
} from "ninelives";
import { ManualClock } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import {
  abortedBefore,
  caller,
  listenersOf,
  type Stage,
  type StageOptions,
  stage,
  watched,
} from "./stage.ts";

const down = new Error("down");
const hedged = (options: HedgeOptions = {}, given: StageOptions = {}): Stage =>
  stage(hedge({ after: 100, ...options }), given);

/** Values from 500 are failures. */
const classify: Classify = (outcome) => {
  if ("error" in outcome) return { kind: "failure", retryable: outcome.error === down };
  const status = outcome.value as number;
  if (status === 404) return { kind: "ignored", retryable: false };
  return status < 500
    ? { kind: "success", retryable: false }
    : { kind: "failure", retryable: status !== 501 };
};

const aborted = ({ origin }: Stage): boolean[] => origin.calls.map(({ context }) => context.signal.aborted);

describe("hedge", () => {
  it("calls once when the answer comes in time", async () => {
    const { clock, origin, sink, call } = hedged();
    const seen = call();
    await clock.advance(99);
    origin.last.succeed("ok");
    await clock.advance(1_000);
    expect(seen.seen).toEqual({ value: "ok" });
    expect(origin.calls.length).toBe(1);
    expect(sink.types).toEqual(["request.succeeded"]);
    expect(clock.pending).toBe(0);
  });

  it("calls again when the answer takes longer, and waits for both", async () => {
    const staged = hedged();
    const { clock, origin, sink, call } = staged;
    const seen = call();
    await clock.advance(99);
    expect(origin.calls.length).toBe(1);
    await clock.advance(1);
    expect(origin.calls.map(({ request }) => request)).toEqual(["request 1", "request 1"]);
    await clock.advance(1_000);
    expect([origin.calls.length, seen.seen]).toEqual([2, "nothing yet"]);
    origin.calls[0]?.succeed("first");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "first" });
    expect(sink.of("hedge.started")).toEqual([expect.objectContaining({ hedge: 1, after: 100 })]);
    expect(sink.of("hedge.won")).toEqual([]);
    expect(sink.of("request.succeeded")[0]?.attempts).toBe(2);
    expect(clock.pending).toBe(0);
  });

  it("aborts the calls that lost, and discards what they return all the same", async () => {
    const discarded: unknown[] = [];
    const staged = hedged({ hedges: 2 }, { discard: (value) => discarded.push(value) });
    const { clock, origin, sink, call } = staged;
    const seen = call();
    await clock.advance(200);
    expect(aborted(staged)).toEqual([false, false, false]);
    origin.calls[1]?.succeed("second");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "second" });
    expect(aborted(staged)).toEqual([true, false, true]);
    expect(isRejected(origin.calls[0]?.context.signal.reason, "lost-race")).toBe(true);
    expect(sink.of("hedge.won")).toEqual([expect.objectContaining({ hedge: 1 })]);
    origin.calls[0]?.succeed("late");
    origin.calls[2]?.fail(down);
    await clock.advance(1_000);
    expect(discarded).toEqual(["late"]);
    expect(clock.pending).toBe(0);
  });

  it("starts the next call at once when one fails, and waits anew for the one after", async () => {
    const staged = hedged({ hedges: 2 });
    const { clock, origin, sink, call } = staged;
    const seen = call();
    await clock.advance(60);
    origin.last.fail(down);
    await clock.advance(0);
    expect(origin.calls.length).toBe(2);
    await clock.advance(99);
    expect(origin.calls.length).toBe(2);
    await clock.advance(1);
    expect(origin.calls.length).toBe(3);
    origin.last.succeed("third");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "third" });
    expect(sink.of("hedge.started").map(({ hedge, after }) => [hedge, after])).toEqual([
      [1, 60],
      [2, 100],
    ]);
    expect(clock.pending).toBe(0);
  });

  it("starts no further call once all have been made", async () => {
    const { clock, origin, call } = hedged({ hedges: 3 });
    const seen = call();
    await clock.advance(10_000);
    expect(origin.calls.length).toBe(4);
    expect(clock.pending).toBe(0);
    origin.calls[3]?.succeed("ok");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "ok" });
  });

  it("makes all its calls at once with a delay of nothing", async () => {
    const { clock, origin, sink, call } = hedged({ after: 0, hedges: 2 });
    const seen = call();
    expect(origin.calls.length).toBe(3);
    origin.calls[2]?.succeed("ok");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "ok" });
    expect(sink.of("hedge.started").map(({ after }) => after)).toEqual([0, 0]);
    expect(clock.pending).toBe(0);
  });

  it("without hedges is a plain call", async () => {
    const { clock, origin, call } = hedged({ hedges: 0 });
    const seen = call();
    await clock.advance(1_000);
    origin.last.fail(down);
    await clock.advance(0);
    expect(seen.error).toBe(down);
    expect(origin.calls.length).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it("waits 2 s and hedges once, unless told otherwise", async () => {
    const { clock, origin, call } = stage(hedge());
    call();
    await clock.advance(1_999);
    expect(origin.calls.length).toBe(1);
    await clock.advance(10_000);
    expect(origin.calls.length).toBe(2);
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(clock.pending).toBe(0);
  });

  describe("when all calls fail", () => {
    it("throws their causes in the order of the calls", async () => {
      const { clock, origin, call } = hedged();
      const seen = call();
      await clock.advance(100);
      origin.calls[1]?.fail("second");
      await clock.advance(0);
      expect(seen.seen).toBe("nothing yet");
      origin.calls[0]?.fail("first");
      await clock.advance(0);
      expect(seen.error).toBeInstanceOf(AllFailedError);
      expect((seen.error as AllFailedError).errors).toEqual(["first", "second"]);
      expect(clock.pending).toBe(0);
    });

    it("returns a failing value of the last call, and discards the others", async () => {
      const discarded: unknown[] = [];
      const { clock, origin, call } = hedged({}, { classify, discard: (value) => discarded.push(value) });
      const seen = call();
      await clock.advance(100);
      origin.calls[1]?.succeed(503);
      origin.calls[0]?.succeed(502);
      await clock.advance(0);
      expect(seen.seen).toEqual({ value: 503 });
      expect(discarded).toEqual([502]);
      expect(clock.pending).toBe(0);
    });

    it("throws the one error as it is when there was one call", async () => {
      const { clock, origin, call } = hedged({ hedges: 0 });
      const seen = call();
      origin.last.fail(down);
      await clock.advance(0);
      expect(seen.error).toBe(down);
    });
  });

  it("discards a failing value when a later call succeeds", async () => {
    const discarded: unknown[] = [];
    const { clock, origin, call } = hedged({}, { classify, discard: (value) => discarded.push(value) });
    const seen = call();
    origin.last.succeed(503);
    await clock.advance(0);
    expect(discarded).toEqual([]);
    origin.last.succeed(200);
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: 200 });
    expect(discarded).toEqual([503]);
    expect(clock.pending).toBe(0);
  });

  it("takes a value that is no failure for the answer", async () => {
    const { clock, origin, call } = hedged({}, { classify });
    const seen = call();
    origin.last.succeed(404);
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: 404 });
    expect(origin.calls.length).toBe(1);
  });

  it("does not repeat what another call cannot mend", async () => {
    const { clock, origin, call } = hedged({ hedges: 2 }, { classify });
    const refused = call();
    const refusal = new RejectedError("bulkhead-full", "bulkhead", "full");
    origin.last.fail(refusal);
    await clock.advance(0);
    expect(refused.error).toBe(refusal);
    const failing = call();
    origin.last.succeed(501);
    await clock.advance(0);
    expect(failing.seen).toEqual({ value: 501 });
    expect(origin.calls.length).toBe(2);

    const late = call();
    await clock.advance(100);
    origin.calls[3]?.fail(refusal);
    await clock.advance(0);
    expect(origin.calls.length).toBe(4);
    origin.calls[2]?.succeed(200);
    await clock.advance(0);
    expect(late.seen).toEqual({ value: 200 });
    expect(clock.pending).toBe(0);
  });

  it("sends a request that must not be repeated once", async () => {
    const { clock, origin, call } = hedged();
    const seen = call({ repeatable: false });
    await clock.advance(1_000);
    origin.last.fail(down);
    await clock.advance(0);
    expect(seen.error).toBe(down);
    expect(origin.calls.length).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it("sends a request that must not run twice at once once", async () => {
    const { clock, origin, call } = hedged();
    call({ concurrent: false });
    await clock.advance(1_000);
    expect(origin.calls.length).toBe(1);
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(clock.pending).toBe(0);
  });

  it("timeout > hedge: the cause is what the last call came to", async () => {
    const { clock, origin, call } = stage(compose(timeout("1s"), hedge({ after: "100ms" })));
    const seen = call({ key: "k" });
    origin.last.fail(down);
    await clock.advance(1_000);
    expect(seen.error).toMatchObject({ kind: "timeout", attempts: 2, key: "k", cause: down });
  });

  describe("when the caller aborts", () => {
    it("rejects at once with the caller's reason, and aborts every call", async () => {
      const staged = hedged({ hedges: 2 });
      const { clock, origin, sink, call } = staged;
      const controller = new AbortController();
      const seen = call({ signal: controller.signal });
      await clock.advance(100);
      expect(aborted(staged)).toEqual([false, false]);
      controller.abort("navigated");
      await clock.advance(0);
      expect(seen.error).toBe("navigated");
      expect(aborted(staged)).toEqual([true, true]);
      origin.calls[0]?.succeed("late");
      origin.calls[1]?.fail(down);
      await clock.advance(1_000);
      expect(origin.calls.length).toBe(2);
      expect(sink.types).toEqual(["hedge.started", "request.aborted"]);
      expect(clock.pending).toBe(0);
    });

    it("and the service does so itself while it is called, starts nothing more", async () => {
      const clock = new ManualClock();
      const controller = new AbortController();
      const policy = compose(environment({ clock }), hedge({ after: 0 }));
      let calls = 0;
      const seen = caller(
        policy.execute(
          async () => {
            calls++;
            controller.abort("mine");
          },
          { signal: controller.signal },
        ),
      );
      await clock.advance(0);
      expect(seen.error).toBe("mine");
      expect([calls, clock.pending]).toEqual([1, 0]);
    });

    it("timeout > hedge: starts nothing after the timeout", async () => {
      const { clock, origin, call } = stage(compose(timeout(50), hedge({ after: 100 })));
      const seen = call();
      await clock.advance(1_000);
      expect(isRejected(seen.error, "timeout")).toBe(true);
      expect(origin.calls.length).toBe(1);
      expect(clock.pending).toBe(0);
    });
  });

  it("rejects without a call when the leg has ended before", async () => {
    const controller = new AbortController();
    const policy = compose(
      abortedBefore(() => controller.abort("gone")),
      hedge({ after: 100 }),
    );
    const { clock, origin, call } = stage(policy);
    const seen = call({ signal: controller.signal });
    await clock.advance(0);
    expect(seen.error).toBe("gone");
    expect(origin.calls.length).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it("listens to nobody once it has settled, well or badly", async () => {
    const { signal } = new AbortController();
    const listeners = listenersOf(signal);
    const seen: number[] = [];
    const policy = compose(
      watched(() => seen.push(listeners())),
      hedge({ after: 100 }),
    );
    const { clock, origin, call } = stage(policy);
    for (const end of ["succeed", "fail"] as const) {
      call({ signal });
      await clock.advance(100);
      for (const made of origin.calls.slice(-2)) {
        expect(made.context.signal.aborted).toBe(false);
        made[end]("over");
      }
      expect(listeners()).toBe(1);
      await clock.advance(0);
    }
    expect(seen).toEqual([0, 0]);
  });

  it("meets a service that throws at once as one that rejects", async () => {
    const clock = new ManualClock();
    let calls = 0;
    const service = () => {
      if (++calls === 1) throw down;
      return Promise.resolve("ok");
    };
    const policy = compose(environment({ clock }), hedge({ after: 100 }));
    expect(await policy.wrap(service)(undefined)).toBe("ok");
    expect([calls, clock.pending]).toEqual([2, 0]);
  });

  describe("its delay", () => {
    it("may be a function of the context, asked once for each call", async () => {
      const asked: (string | undefined)[] = [];
      const after = ({ key }: { key: string | undefined }) => {
        asked.push(key);
        return key === "fast" ? 10 : 1_000;
      };
      const { clock, origin, call } = hedged({ after });
      call({ key: "fast" });
      call({ key: "slow" });
      await clock.advance(10);
      expect(origin.calls.map(({ context }) => context.key)).toEqual(["fast", "slow", "fast"]);
      expect(asked).toEqual(["fast", "slow"]);
      for (const { succeed } of [...origin.calls]) succeed("ok");
      await clock.advance(0);
      expect(clock.pending).toBe(0);
    });

    it("that is no duration rejects the call before anything is sent", async () => {
      const { clock, origin, call } = hedged({ after: () => "soon" as "1s" });
      const seen = call();
      await clock.advance(0);
      expect(seen.error).toBeInstanceOf(RangeError);
      expect(origin.calls.length).toBe(0);
      expect(clock.pending).toBe(0);
    });

    it("may be adaptive, as may the number of hedges", async () => {
      const after = adaptive(1_000);
      const hedges = adaptive(0);
      const { clock, origin, call } = hedged({ after, hedges });
      after.set(10);
      hedges.set(2);
      const seen = call();
      await clock.advance(20);
      expect(origin.calls.length).toBe(3);
      expect(() => after.set(-1)).toThrow("hedge: after must be a duration");
      expect(() => hedges.set(-1)).toThrow("hedge: hedges must be a whole number of at least 0, but is -1");
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(seen.seen).toEqual({ value: "ok" });
    });

    it("stands without its name", async () => {
      for (const policy of [hedge(10), hedge("10ms"), hedge(adaptive(10)), hedge(() => 10)]) {
        const { clock, origin, call } = stage(policy);
        call();
        await clock.advance(10);
        expect(origin.calls.length).toBe(2);
        origin.last.succeed("ok");
        await clock.advance(0);
        expect(clock.pending).toBe(0);
      }
    });
  });

  describe("with a percentile", () => {
    /** A call whose first leg takes so long, with its hedge hanging. */
    async function take({ clock, origin, call }: Stage, ms: number): Promise<number> {
      const before = origin.calls.length;
      call();
      await clock.advance(ms);
      origin.calls[before]?.succeed("ok");
      await clock.advance(0);
      return origin.calls.length - before;
    }

    it("waits as long as that share of the calls took, once enough have been seen", async () => {
      const delay = percentile(0.9, { minimumCalls: 10, initial: "1s" });
      const staged = hedged({ after: delay });
      for (let call = 1; call <= 9; call++) expect(await take(staged, call * 10)).toBe(1);
      expect(delay({} as never)).toBe(1_000);
      expect(await take(staged, 999)).toBe(1);
      expect(delay({} as never)).toBeGreaterThan(88.2);
      expect(delay({} as never)).toBeLessThan(91.8);
      expect(await take(staged, 80)).toBe(1);
      expect(await take(staged, 100)).toBe(2);
      expect(staged.clock.pending).toBe(0);
    });

    it("records what the first leg took at least when a hedge wins, so that it does not fall", async () => {
      const latencies: number[] = [];
      const after = Object.assign(() => 100, {
        description: { call: "percentile", arguments: [] },
        record: (ms: number) => latencies.push(ms),
      });
      const staged = hedged({ after });
      const { clock, origin, call } = staged;
      call();
      await clock.advance(150);
      origin.calls[1]?.succeed("ok");
      await clock.advance(0);
      expect(latencies).toEqual([150]);
      // A first leg that fails says nothing of how long an answer takes.
      call();
      origin.last.fail(down);
      await clock.advance(20);
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(latencies).toEqual([150]);
      call();
      await clock.advance(30);
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(latencies).toEqual([150, 30]);
      expect(clock.pending).toBe(0);
    });

    it("shares it between the policies that got the same value", async () => {
      const delay = percentile(0.5, { minimumCalls: 5, initial: "1s" });
      const [one, other] = [hedged({ after: delay }), hedged({ after: delay })];
      for (let call = 0; call < 5; call++) await take(one, 10);
      expect(await take(other, 20)).toBe(2);
    });

    it("looks back as many calls as it is told to", () => {
      const delay = percentile(1, { window: 4, minimumCalls: 1 });
      for (const ms of [500, 10, 10, 10, 10, 10, ...Array.from({ length: 16 }, () => 10)]) delay.record(ms);
      expect(Math.round(delay({} as never) as number)).toBe(10);
      const longer = percentile(1, { window: 60, minimumCalls: 1 });
      for (const ms of [500, ...Array.from({ length: 32 }, () => 10)]) longer.record(ms);
      expect(Math.round(longer({} as never) as number)).toBeGreaterThan(490);
      for (let call = 0; call < 28; call++) longer.record(10);
      expect(Math.round(longer({} as never) as number)).toBe(10);
    });

    it.each([
      { window: 5 },
      { window: 25 },
      { window: 100, minimumCalls: 90 },
      { window: 2, minimumCalls: 2 },
    ])("stays in use once enough calls have been seen, with %j", (options) => {
      const delay = percentile(0.95, { ...options, initial: "1s" });
      const seen = options.minimumCalls ?? Math.min(20, options.window);
      for (let call = 1; call < seen; call++) delay.record(10);
      expect(delay({} as never)).toBe(1_000);
      for (let call = 0; call < 500; call++) {
        delay.record(10);
        expect(Math.round(delay({} as never) as number)).toBe(10);
      }
    });

    it("looks back 1000 calls, waits for 20 and begins with 2 s, unless told otherwise", () => {
      const delay = percentile(0.5);
      for (let call = 0; call < 19; call++) delay.record(10);
      expect(delay({} as never)).toBe(2_000);
      delay.record(10);
      expect(Math.round(delay({} as never) as number)).toBe(10);
      for (let call = 0; call < 1_000; call++) delay.record(50);
      expect(Math.round(delay({} as never) as number)).toBe(50);
    });
  });

  describe("with a budget", () => {
    it("hedges as long as the budget lasts", async () => {
      const staged = hedged({ budget: retryBudget({ minimum: 2, ratio: 0 }) });
      const { clock, origin, call } = staged;
      for (let made = 0; made < 4; made++) call();
      await clock.advance(1_000);
      expect(origin.calls.length).toBe(6);
      for (const { succeed } of [...origin.calls]) succeed("ok");
      await clock.advance(0);
      expect(clock.pending).toBe(0);
    });

    it("fails with what the one call failed with when nothing is left", async () => {
      const { clock, origin, call } = hedged({ budget: retryBudget({ minimum: 0, ratio: 0 }) });
      const seen = call();
      origin.last.fail(down);
      await clock.advance(0);
      expect(seen.error).toBe(down);
      expect(origin.calls.length).toBe(1);
      expect(clock.pending).toBe(0);
    });

    it("tells the budget how the calls end, save those that say nothing of the service", async () => {
      const settled: unknown[] = [];
      const budget: RetryBudget = {
        begin: () => settled.push("begun"),
        spend: () => true,
        settle: (ok, repeated) => settled.push([ok, repeated]),
        available: () => 1,
      };
      const { clock, origin, call } = hedged({ budget }, { classify });
      call();
      await clock.advance(10);
      origin.last.fail(down);
      await clock.advance(10);
      origin.last.succeed(200);
      await clock.advance(0);
      call();
      origin.last.succeed(404);
      await clock.advance(0);
      expect(settled).toEqual(["begun", [false, false], [true, true], "begun"]);
    });

    it("retry > hedge: counts a call once, and spends from one purse", async () => {
      const begun: unknown[] = [];
      const settled: unknown[] = [];
      let left = 2;
      const budget: RetryBudget = {
        begin: () => begun.push(1),
        spend: () => left-- > 0,
        settle: (...how) => settled.push(how),
        available: () => left,
      };
      const policy = compose(
        retry({ attempts: 5, backoff: constant(10), jitter: "none", budget }),
        hedge({ after: 100, budget }),
      );
      const { clock, origin, call } = stage(policy);
      origin.script(...Array.from({ length: 5 }, () => () => Promise.reject(down)));
      const seen = call();
      await clock.advance(1_000);
      // A hedge, then a retry, and nothing for the hedge of that.
      expect(origin.calls.length).toBe(3);
      expect(seen.error).toBe(down);
      expect(begun).toEqual([1]);
      expect(settled.length).toBe(2);
      expect(clock.pending).toBe(0);
    });
  });

  it("retry > hedge > timeout: each call has a live signal of its own", async () => {
    const staged = stage(compose(retry(2), hedge({ after: 100 }), timeout(150)));
    const { clock, origin, call } = staged;
    const seen = call();
    await clock.advance(149);
    expect(aborted(staged)).toEqual([false, false]);
    await clock.advance(1);
    expect(aborted(staged)).toEqual([true, false]);
    origin.calls[1]?.succeed("ok");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "ok" });
    expect(new Set(origin.calls.map(({ context }) => context.signal)).size).toBe(2);
    expect(clock.pending).toBe(0);
  });

  it("hedge > circuitBreaker: a call that lost counts as no failure", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: 1 });
    const { clock, origin, call } = stage(compose(hedge({ after: 100 }), circuit));
    call();
    await clock.advance(100);
    origin.calls[1]?.succeed("ok");
    await clock.advance(0);
    origin.calls[0]?.fail(new DOMException("aborted", "AbortError"));
    await clock.advance(0);
    expect(circuit.state).toBe("closed");
    expect(clock.pending).toBe(0);
  });

  it("has timers of its own where calls cannot share one", async () => {
    const { clock, origin, call } = hedged({}, { sharesTimers: false });
    const first = call();
    await clock.advance(100);
    origin.last.succeed("ok");
    const second = call();
    origin.last.succeed("too");
    await clock.advance(0);
    expect([first.seen, second.seen]).toEqual([{ value: "ok" }, { value: "too" }]);
    expect(clock.pending).toBe(0);
  });

  it.each<[string, () => unknown, string]>([
    ["after", () => hedge({ after: -1 }), "hedge: after must be a duration"],
    [
      "hedges",
      () => hedge({ hedges: 0.5 }),
      "hedge: hedges must be a whole number of at least 0, but is 0.5",
    ],
    [
      "budget",
      () => hedge({ budget: "all" as never }),
      'hedge: budget must be a budget such as retryBudget(), but is "all"',
    ],
    [
      "delay",
      () => hedge({ delay: 1 } as HedgeOptions),
      'hedge has no option "delay"; it has after, hedges, budget',
    ],
    ["share", () => percentile(95), "percentile: share must be a number from 0 to 1, but is 95"],
    [
      "window",
      () => percentile(0.5, { window: 1 }),
      "percentile: window must be a whole number of at least 2",
    ],
    [
      "minimumCalls",
      () => percentile(0.5, { window: 10, minimumCalls: 11 }),
      "percentile: minimumCalls must be a number from 1 to 10, but is 11",
    ],
    ["minimumCalls", () => percentile(0.5, { minimumCalls: 0 }), "percentile: minimumCalls must be a whole"],
    ["initial", () => percentile(0.5, { initial: -1 }), "percentile: initial must be a duration"],
    ["q", () => percentile(0.5, { q: 1 } as object), 'percentile has no option "q"; it has window,'],
  ])("refuses a bad %s when it is made", (_, make, message) => {
    expect(make).toThrow(message);
  });

  it.each([
    "hedge",
    "hedge(100ms, hedges: 2)",
    "hedge(percentile(0.95))",
    "hedge(percentile(0.95, window: 500, minimumCalls: 50, initial: 1s), budget: retryBudget(ratio: 0.1))",
  ])("has a text: %s", (text) => {
    expect(format(parse(text))).toBe(text);
  });

  it("takes an adaptive delay from a text's scope", () => {
    expect(format(parse("hedge(patience)", { patience: adaptive("1s") }))).toBe("hedge(patience)");
  });

  it("works on the platform's own clock", async () => {
    let calls = 0;
    const slowAtFirst = () =>
      ++calls === 1 ? new Promise<string>(() => {}) : Promise.resolve("from the hedge");
    expect(await hedge(1).wrap(slowAtFirst)(undefined)).toBe("from the hedge");
  });
});
