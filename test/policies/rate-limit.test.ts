import {
  type AimdRateOptions,
  adaptive,
  aimdRate,
  compose,
  gcra,
  isRejected,
  type Outcome,
  type RateLimiter,
  type RateLimitOptions,
  RejectedError,
  rateLimit,
  slidingCounter,
  slidingLog,
  timeout,
  tokenBucket,
  type Verdict,
} from "ninelives";
import { ManualClock } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { SlidingLog } from "../../src/state/sliding-log.ts";
import { type Caller, caller, type Stage, stage } from "./stage.ts";

/** Makes so many calls, all of which the origin answers at once. */
async function succeed({ origin, call, clock }: Stage, count: number): Promise<Caller[]> {
  origin.script(...Array.from({ length: count }, () => () => "ok"));
  const seen = Array.from({ length: count }, () => call());
  await clock.advance(0);
  return seen;
}

describe("rateLimit", () => {
  it("takes an adaptive limit without its name", () => {
    const limit = adaptive(3);
    const policy = rateLimit(limit);
    expect(policy.available).toBe(3);
    limit.set(5);
    expect(policy.available).toBe(5);
  });

  it("lets the limit go at once and rejects what is over it, with the time to come back", async () => {
    const policy = rateLimit({ limit: 2, per: "1s" });
    const at = stage(policy);
    const [first, second, third] = await succeed(at, 3);
    expect([first?.seen, second?.seen]).toEqual([{ value: "ok" }, { value: "ok" }]);
    expect(third?.error).toMatchObject({
      name: "RejectedError",
      kind: "rate-limited",
      policy: "rateLimit",
      retryAfter: 500,
      message: "over the limit, free again in 500 ms",
    });
    expect(at.origin.calls.length).toBe(2);
    expect(at.sink.of("rate-limit.rejected")).toEqual([
      expect.objectContaining({ retryAfter: 500, limit: 2, per: 1_000 }),
    ]);
    expect(at.clock.pending).toBe(0);
  });

  it("lets a call go that comes back when it was told to, not before", async () => {
    const at = stage(rateLimit({ limit: 1 }));
    await succeed(at, 1);
    await at.clock.advance(999);
    const early = at.call();
    await at.clock.advance(0);
    expect(early.error).toMatchObject({ retryAfter: 1, message: "over the limit, free again in 1 ms" });
    await at.clock.advance(1);
    at.origin.script();
    expect((await at.succeed()).seen).toEqual({ value: "ok" });
    expect(at.origin.calls.length).toBe(2);
  });

  it("lets nobody wait, however short the wait", async () => {
    const at = stage(rateLimit({ limit: 2_000, burst: 1 }));
    const seen = await succeed(at, 2);
    expect(seen[1]?.error).toMatchObject({ retryAfter: 1 });
  });

  it("counts calls for each second unless told otherwise, and takes the limit without its name", async () => {
    const at = stage(rateLimit(4));
    const seen = await succeed(at, 5);
    expect(seen[4]?.error).toMatchObject({ retryAfter: 250 });
  });

  it("lets no more than the burst go at once", async () => {
    const policy = rateLimit({ limit: 10, burst: 3 });
    const at = stage(policy);
    const seen = await succeed(at, 4);
    expect(seen[3]?.error).toMatchObject({ retryAfter: 100 });
    expect(policy.available).toBe(0);
    await at.clock.advance(5_000);
    expect(policy.available).toBe(3);
  });

  it.each([
    [tokenBucket(), 250],
    [gcra(), 250],
    [slidingLog(), 1_000],
    [slidingCounter(), 1_250],
  ])("decides by the algorithm that it is given: $description.call", async (algorithm, retryAfter) => {
    const at = stage(rateLimit({ limit: 4, algorithm }));
    const seen = await succeed(at, 5);
    expect(at.origin.calls.length).toBe(4);
    expect(seen[4]?.error).toMatchObject({ retryAfter });
  });

  it("is shared by all services that are wrapped with it, and not with another policy of its algorithm", async () => {
    const algorithm = slidingLog();
    const [policy, other] = [rateLimit({ limit: 1, algorithm }), rateLimit({ limit: 1, algorithm })];
    const [first, second] = [policy.wrap(async () => 1), policy.wrap(async () => 2)];
    await first(undefined);
    await expect(second(undefined)).rejects.toMatchObject({ kind: "rate-limited" });
    await expect(other.execute(async () => 3)).resolves.toBe(3);
  });

  it("makes no signal, timer or event for a call that goes at once", async () => {
    const at = stage(rateLimit({ limit: 1, maximumWait: "1s" }));
    await succeed(at, 1);
    expect(at.sink.types).toEqual(["request.succeeded"]);
    expect(at.clock.pending).toBe(0);
  });

  describe("with a maximum wait", () => {
    const waiting = { limit: 1, per: 100, maximumWait: 250 } as const;

    it("lets calls wait for their turns, each with its own timer", async () => {
      const { clock, origin, sink, call } = stage(rateLimit(waiting));
      const seen = [call(), call(), call(), call()];
      expect(origin.calls.length).toBe(1);
      expect(clock.pending).toBe(2);
      await clock.advance(0);
      expect(seen[3]?.error).toMatchObject({ kind: "rate-limited", retryAfter: 300 });
      expect(sink.of("rate-limit.waited").map(({ wait, limit, per }) => [wait, limit, per])).toEqual([
        [100, 1, 100],
        [200, 1, 100],
      ]);
      await clock.advance(99);
      expect(origin.calls.length).toBe(1);
      await clock.advance(1);
      expect(origin.calls.length).toBe(2);
      await clock.advance(100);
      expect(origin.calls.map(({ request }) => request)).toEqual(["request 1", "request 2", "request 3"]);
      for (const made of origin.calls) made.succeed("ok");
      await clock.advance(0);
      expect(seen.slice(0, 3).map((each) => each.seen)).toEqual([1, 2, 3].map(() => ({ value: "ok" })));
      expect(clock.pending).toBe(0);
    });

    it("ends a wait at once when the caller aborts, and gives the turn to the next call", async () => {
      const { clock, origin, sink, call } = stage(rateLimit(waiting));
      const controller = new AbortController();
      const [, second, third] = [call(), call({ signal: controller.signal }), call()];
      await clock.advance(50);
      controller.abort("navigated");
      await clock.advance(0);
      expect(second?.error).toBe("navigated");
      expect(clock.pending).toBe(1);
      const fourth = call();
      expect(sink.of("rate-limit.waited").map(({ wait }) => wait)).toEqual([100, 200, 50]);
      await clock.advance(50);
      expect(origin.last.request).toBe("request 4");
      await clock.advance(100);
      expect(origin.calls.map(({ request }) => request)).toEqual(["request 1", "request 4", "request 3"]);
      for (const made of origin.calls) made.succeed("ok");
      await clock.advance(0);
      expect([third?.seen, fourth.seen]).toEqual([{ value: "ok" }, { value: "ok" }]);
      expect(clock.pending).toBe(0);
    });

    it("is as if a call that gave up had not come, when it was the last", async () => {
      const policy = rateLimit(waiting);
      const { clock, call } = stage(policy);
      const controller = new AbortController();
      call();
      call({ signal: controller.signal });
      controller.abort();
      await clock.advance(0);
      expect(policy.snapshot()).toEqual({ used: 1 });
      expect(clock.pending).toBe(0);
    });

    it("rejects at once what its deadline would not let go", async () => {
      const { clock, origin, call } = stage(rateLimit(waiting));
      call();
      const [hasty, patient] = [call({ deadline: 99 }), call({ deadline: 101 })];
      await clock.advance(0);
      expect(hasty.error).toMatchObject({ kind: "rate-limited", retryAfter: 100 });
      expect(patient.seen).toBe("nothing yet");
      await clock.advance(100);
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(patient.seen).toEqual({ value: "ok" });
      expect(origin.calls.length).toBe(2);
      expect(clock.pending).toBe(0);
    });

    it("timeout > rateLimit: ends a wait at the timeout's end, and gives the turn back", async () => {
      const policy = rateLimit({ limit: 1, per: "1s", maximumWait: "5s" });
      const times: number[] = [];
      let after = 10_000;
      const clockwise = stage(
        compose(
          timeout(() => after),
          policy,
        ),
      );
      const { clock, call } = clockwise;
      call();
      const seen = call();
      times.push(clock.pending);
      after = 1_500;
      const hasty = call();
      await clock.advance(0);
      expect(isRejected(hasty.error, "rate-limited")).toBe(true);
      await clock.advance(999);
      expect(seen.seen).toBe("nothing yet");
      expect(clockwise.origin.calls.length).toBe(1);
      await clock.advance(1);
      expect(clockwise.origin.calls.length).toBe(2);
      for (const made of clockwise.origin.calls) made.succeed("ok");
      await clock.advance(0);
      expect(clock.pending).toBe(0);
    });

    it("lets a call that was aborted before it came take no turn", async () => {
      const policy = rateLimit(waiting);
      const { clock, origin } = stage(policy);
      const controller = new AbortController();
      const wrapped = compose(policy).wrap(origin);
      origin.script(() => "ok");
      await wrapped("first");
      controller.abort("gone");
      await expect(wrapped("second", { signal: controller.signal })).rejects.toBe("gone");
      expect(clock.pending).toBe(0);
    });
  });

  describe("with a rate that changes", () => {
    it("keeps what was taken", async () => {
      const limit = adaptive(2);
      const policy = rateLimit({ limit, per: "1s" });
      const at = stage(policy);
      await succeed(at, 2);
      limit.set(5);
      const seen = await succeed(at, 4);
      expect(seen.map((each) => typeof each.seen === "object" && "value" in each.seen)).toEqual([
        true,
        true,
        true,
        false,
      ]);
      limit.set(1);
      expect(policy.available).toBe(0);
      expect((await succeed(at, 1))[0]?.error).toMatchObject({ retryAfter: 1_000 });
    });

    it("follows a span and a burst that change as well", async () => {
      const [per, burst] = [adaptive(1_000), adaptive(1)];
      const at = stage(rateLimit({ limit: 1, per, burst }));
      await succeed(at, 1);
      per.set(100);
      expect((await succeed(at, 1))[0]?.error).toMatchObject({ retryAfter: 100 });
      burst.set(3);
      const seen = await succeed(at, 3);
      expect(seen[2]?.error).toMatchObject({ retryAfter: 100 });
      expect(at.origin.calls.length).toBe(3);
    });

    it("reads a function of the context at each call", async () => {
      const at = stage(
        rateLimit({
          limit: ({ key }) => (key === "big" ? 3 : 1),
          burst: ({ key }) => (key === "big" ? 3 : 1),
        }),
      );
      at.origin.script(
        () => "ok",
        () => "ok",
      );
      const [small, over, big] = [at.call(), at.call(), at.call({ key: "big" })];
      await at.clock.advance(0);
      expect(isRejected(over.error)).toBe(true);
      expect([small.seen, big.seen]).toEqual([{ value: "ok" }, { value: "ok" }]);
    });

    it("refuses what will not do, and keeps the rate in force", () => {
      const limit = adaptive(2);
      rateLimit({ limit });
      expect(() => limit.set(0)).toThrow("rateLimit: limit must be a whole number of at least 1, but is 0");
      expect(limit.get()).toBe(2);
    });
  });

  describe("over a restart", () => {
    it("restores a snapshot before the first call, whatever the clock of that call says", async () => {
      const policy = rateLimit({ limit: 10, per: "1s" });
      policy.restore({ used: 8 });
      expect(policy.snapshot()).toEqual({ used: 8 });
      expect(policy.available).toBe(2);
      const at = stage(policy);
      await at.clock.advance(1_000_000);
      const seen = await succeed(at, 3);
      expect(seen[2]?.error).toMatchObject({ retryAfter: 100 });
      expect(policy.snapshot()).toEqual({ used: 10 });
    });

    it.each([
      [{}, "undefined"],
      [null, "undefined"],
      [undefined, "undefined"],
      [{ used: "3" }, '"3"'],
      [{ used: null }, "null"],
      [{ used: -1 }, "-1"],
    ])(
      "refuses to restore %j, before the first call and after, and keeps what it knew",
      async (wrong, found) => {
        for (const algorithm of [tokenBucket(), gcra(), slidingLog(), slidingCounter()]) {
          const policy = rateLimit({ limit: 3, algorithm });
          const message = `restore: used must be a number from 0 to 1000000000000000, but is ${found}`;
          const restore = () => policy.restore(wrong as never);
          expect(restore).toThrow(new RangeError(message));
          await succeed(stage(policy), 2);
          expect(restore).toThrow(new RangeError(message));
          expect(policy.available).toBe(1);
        }
      },
    );

    it("restores a snapshot after the first call", async () => {
      const policy = rateLimit(5);
      const at = stage(policy);
      await succeed(at, 5);
      policy.restore({ used: 1 });
      expect(policy.available).toBe(4);
    });

    it("is as new before the first call", () => {
      const policy = rateLimit({ limit: 7, burst: ({ key }) => (key === undefined ? 3 : 7) });
      expect(policy.available).toBe(3);
      expect(rateLimit({ limit: () => 4 }).available).toBe(4);
      expect(policy.snapshot()).toEqual({ used: 0 });
      expect(policy.share).toBe(1);
    });
  });

  describe("with a limiter of one's own", () => {
    it("asks it alone", async () => {
      const asked: unknown[] = [];
      const limiter: RateLimiter = {
        take: (now, patience) => asked.push([now, patience]) && 40,
        giveBack: () => {},
        available: () => 3,
        adjust: () => asked.push("adjust"),
        snapshot: () => ({ used: 4 }),
        restore: ({ used }) => asked.push(used),
      };
      const policy = rateLimit({ limiter, maximumWait: 30 });
      const at = stage(policy);
      await at.clock.advance(100);
      const seen = at.call();
      await at.clock.advance(0);
      expect(seen.error).toMatchObject({ retryAfter: 40 });
      policy.restore({ used: 9 });
      expect(asked).toEqual([[100, 30], 9]);
      expect([policy.available, policy.snapshot()]).toEqual([3, { used: 4 }]);
    });

    it("hands it the limit, if there is one, and each change of it", async () => {
      const limit = adaptive(2);
      const limiter = new SlidingLog({ limit: 50, per: 1_000, burst: 50 });
      const handed: unknown[] = [];
      const { adjust } = limiter;
      limiter.adjust = (rate) => {
        handed.push(rate);
        adjust.call(limiter, rate);
      };
      const policy = rateLimit({ limiter, limit, per: 100 });
      const at = stage(policy);
      expect((await succeed(at, 3))[2]?.error).toMatchObject({ retryAfter: 100 });
      limit.set(3);
      expect((await succeed(at, 2))[1]?.error).toMatchObject({ retryAfter: 100 });
      expect(at.origin.calls.length).toBe(3);
      expect(handed).toEqual([
        { limit: 2, per: 100, burst: 2 },
        { limit: 3, per: 100, burst: 3 },
      ]);
    });
  });

  it.each<[RateLimitOptions | number, string]>([
    [0, "rateLimit: limit must be a whole number of at least 1, but is 0"],
    [1.5, "rateLimit: limit must be a whole number of at least 1, but is 1.5"],
    [{}, "rateLimit: limit must be a whole number of at least 1, but is undefined"],
    [undefined as never, "rateLimit: limit must be a whole number of at least 1, but is undefined"],
    ["3" as never, 'rateLimit: limit must be a whole number of at least 1, but is "3"'],
    [{ limit: 1, per: 0 }, "rateLimit: per must be longer than 0"],
    [{ limit: 1, per: "1 s" as "1s" }, 'rateLimit: per must be a duration such as 250, "250ms"'],
    [{ limit: 1, burst: 0 }, "rateLimit: burst must be a whole number of at least 1, but is 0"],
    [{ limit: 1, maximumWait: -1 }, "rateLimit: maximumWait must be a duration"],
    [{ limit: 1, rate: 2 } as RateLimitOptions, 'rateLimit has no option "rate"; it has limit, per, burst'],
    [
      { limit: 1, algorithm: "gcra" as never },
      'rateLimit: algorithm must be an algorithm such as gcra(), but is "gcra"',
    ],
    [{ limiter: {} as never }, "rateLimit: limiter must be a RateLimiter, but is {}"],
    [
      { limit: 1, feedback: aimdRate as never },
      "rateLimit: feedback must be a feedback such as aimdRate(), but is function aimdRate",
    ],
    [{ limit: 1, burst: 2, algorithm: slidingLog() }, "rateLimit: burst does not go with slidingLog"],
    [
      { limiter: new SlidingLog({ limit: 1, per: 1, burst: 1 }), algorithm: gcra() },
      "rateLimit: algorithm does not go with limiter",
    ],
    [
      { limiter: new SlidingLog({ limit: 1, per: 1, burst: 1 }), feedback: aimdRate() },
      "rateLimit: feedback does not go with a limiter without limit",
    ],
  ])("refuses %j when it is made", (options, message) => {
    expect(() => rateLimit(options)).toThrow(message);
  });
});

describe("rateLimit with feedback", () => {
  /** 429 asks for less; 430 with a time; 200.5 is fine and says when to come back; 503 is a failure and no such sign. */
  const classify = (outcome: Outcome): Verdict => {
    if ("error" in outcome) {
      if (outcome.error === "slow down") return { kind: "failure", retryable: true, retryAfter: 300 };
      return { kind: "failure", retryable: true };
    }
    if (outcome.value === 429) return { kind: "ignored", retryable: true };
    if (outcome.value === 430) return { kind: "ignored", retryable: true, retryAfter: 2_000 };
    if (outcome.value === 200.5) return { kind: "success", retryable: false, retryAfter: 300 };
    if (outcome.value === 503) return { kind: "failure", retryable: true };
    return { kind: "success", retryable: false };
  };
  const adapted = (options: Partial<RateLimitOptions> = {}) =>
    rateLimit({
      limit: 10,
      per: "1s",
      feedback: aimdRate({ decrease: 0.5, increase: 0.2, minimum: 0.1 }),
      ...options,
    });

  it("halves the rate when the service asks for less, and gets it back by and by", async () => {
    const policy = adapted();
    const at = stage(policy, { classify });
    expect((await at.succeed(429)).seen).toEqual({ value: 429 });
    expect(policy.share).toBe(0.5);
    expect(at.sink.of("rate-limit.changed")).toEqual([
      expect.objectContaining({ limit: 5, from: 10, per: 1_000 }),
    ]);
    expect((await succeed(at, 5))[4]?.error).toMatchObject({ retryAfter: 200 });
    // The rate that is told is the one in force.
    expect(at.sink.of("rate-limit.rejected")).toEqual([expect.objectContaining({ limit: 5, per: 1_000 })]);
    await at.clock.advance(1_000);
    await succeed(at, 1);
    expect(policy.share).toBeCloseTo(0.7);
    await at.clock.advance(2_000);
    await succeed(at, 1);
    expect(policy.share).toBe(1);
    const changes = at.sink.of("rate-limit.changed");
    expect(changes.map(({ from, limit }) => [from, limit])).toEqual([
      [10, 5],
      [5, 7],
      [7, 10],
    ]);
    expect(at.clock.pending).toBe(0);
  });

  it("goes down once for calls that were under way together", async () => {
    const policy = adapted();
    const { clock, origin, call } = stage(policy, { classify });
    for (let made = 0; made < 5; made++) call();
    await clock.advance(100);
    for (const made of origin.calls) made.succeed(429);
    await clock.advance(0);
    expect(policy.share).toBe(0.5);
  });

  it.each([
    // limit, calls of the half that go at once after the one that was answered, milliseconds until the next
    [1, 0, 2_000],
    [5, 1, 800],
    [8, 3, 1_000],
  ])(
    "slows a limit of %i down, by whole calls in as much more time as that takes",
    async (limit, more, retryAfter) => {
      const at = stage(adapted({ limit, algorithm: slidingLog() }), { classify });
      await at.succeed(429);
      const seen = await succeed(at, more + 1);
      expect(seen.at(-1)?.error).toMatchObject({ retryAfter });
      expect(at.origin.calls.length).toBe(1 + more);
    },
  );

  it("lets less of a burst go as well", async () => {
    const policy = adapted({ limit: 1_000, burst: 5 });
    const at = stage(policy, { classify });
    await at.succeed(429);
    await at.clock.advance(900);
    expect(policy.available).toBe(2);
    for (let made = 0; made < 5; made++) {
      await at.clock.advance(10);
      await at.succeed(429);
    }
    await at.clock.advance(900);
    expect(policy.available).toBe(1);
  });

  it.each([
    ["returned", 430, 2_000],
    ["thrown", "slow down", 300],
  ])("lets nothing go before the time that an outcome names: %s", async (how, outcome, retryAfter) => {
    const at = stage(adapted(), { classify });
    how === "returned" ? await at.succeed(outcome) : await at.fail(outcome);
    expect((await succeed(at, 1))[0]?.error).toMatchObject({ kind: "rate-limited", retryAfter });
    await at.clock.advance(retryAfter - 1);
    expect((await succeed(at, 1))[0]?.error).toMatchObject({ retryAfter: 1 });
    await at.clock.advance(1);
    expect((await at.succeed()).seen).toEqual({ value: "ok" });
  });

  it("keeps its rate after a success that says when to come back, and waits till then", async () => {
    const policy = adapted();
    const at = stage(policy, { classify });
    await at.succeed(200.5);
    expect(policy.share).toBe(1);
    expect((await succeed(at, 1))[0]?.error).toMatchObject({ retryAfter: 300 });
  });

  it("waits no longer than its maximum pause", async () => {
    const at = stage(adapted({ feedback: aimdRate({ maximumPause: "1s" }) }), { classify });
    await at.succeed(430);
    expect((await succeed(at, 1))[0]?.error).toMatchObject({ retryAfter: 1_000 });
  });

  it("holds calls back that wait when the service asks for a pause, and then lets them go at the rate", async () => {
    const { clock, origin, sink, call } = stage(adapted({ limit: 2, per: 100, maximumWait: "3s" }), {
      classify,
    });
    const seen = [call(), call(), call(), call()];
    expect(origin.calls.length).toBe(2);
    origin.calls[0]?.succeed(430);
    await clock.advance(0);
    await clock.advance(1_999);
    expect(origin.calls.length).toBe(2);
    await clock.advance(1);
    expect(origin.calls.length).toBe(3);
    await clock.advance(99);
    expect(origin.calls.length).toBe(3);
    await clock.advance(1);
    expect(origin.calls.length).toBe(4);
    for (const made of origin.calls) if (!made.settled) made.succeed("ok");
    await clock.advance(0);
    expect(seen.map((each) => each.seen)).toEqual([
      { value: 430 },
      ...[1, 2, 3].map(() => ({ value: "ok" })),
    ]);
    expect(sink.of("rate-limit.waited").length).toBe(4);
    expect(clock.pending).toBe(0);
  });

  it("rejects calls that wait when the pause is longer than they can", async () => {
    const { clock, origin, call } = stage(adapted({ limit: 1, per: 100, maximumWait: 500 }), { classify });
    const [, second] = [call(), call()];
    origin.last.succeed(430);
    await clock.advance(100);
    expect(second.error).toMatchObject({ kind: "rate-limited", retryAfter: 1_900 });
    expect(origin.calls.length).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it.each([
    ["a failure without a time", (at: Stage) => at.succeed(503)],
    ["an error without a time", (at: Stage) => at.fail()],
    [
      "a rejection by a policy further in",
      (at: Stage) => at.fail(new RejectedError("circuit-open", "prices", "open", { retryAfter: 5_000 })),
    ],
  ])("is not moved by %s", async (_, happen) => {
    const policy = adapted();
    const at = stage(policy, { classify });
    await happen(at);
    expect(policy.share).toBe(1);
    expect((await at.succeed()).seen).toEqual({ value: "ok" });
  });

  it("is not moved by what the caller aborted", async () => {
    const policy = adapted();
    const { clock, origin, call } = stage(policy, { classify });
    const controller = new AbortController();
    const seen = call({ signal: controller.signal });
    controller.abort("gone");
    origin.last.fail("slow down");
    await clock.advance(0);
    expect(seen.error).toBe("gone");
    expect(policy.share).toBe(1);
  });

  it("has defaults that halve, and bring back a tenth for each span", async () => {
    const policy = rateLimit({ limit: 1_000, feedback: aimdRate() });
    const at = stage(policy, { classify });
    await at.succeed(429);
    await at.clock.advance(1_000);
    await at.succeed();
    expect(policy.share).toBeCloseTo(0.6);
    for (let made = 0; made < 10; made++) {
      await at.clock.advance(1);
      await at.succeed(429);
    }
    expect(policy.share).toBe(0.05);
  });

  it.each<[AimdRateOptions, string]>([
    [{ decrease: 1 }, "aimdRate: decrease must be a number from 0.001 to 0.999, but is 1"],
    [{ increase: 0 }, "aimdRate: increase must be a number from 0.001 to 1, but is 0"],
    [{ minimum: 2 }, "aimdRate: minimum must be a number from 0.001 to 1, but is 2"],
    [{ maximumPause: 0 }, "aimdRate: maximumPause must be longer than 0"],
    [
      { pause: 1 } as AimdRateOptions,
      'aimdRate has no option "pause"; it has decrease, increase, minimum, maximumPause',
    ],
  ])("refuses %j when it is made", (options, message) => {
    expect(() => aimdRate(options as AimdRateOptions)).toThrow(message);
  });

  it("works on two clocks one after the other", async () => {
    const policy = rateLimit(1);
    const first = stage(policy);
    await first.succeed();
    const second = stage(policy);
    await second.clock.advance(10_000);
    expect((await second.succeed()).seen).toEqual({ value: "ok" });
    expect(new ManualClock().pending).toBe(0);
    expect(caller(Promise.resolve()).seen).toBe("nothing yet");
  });
});
