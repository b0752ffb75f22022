import {
  adaptive,
  type Clock,
  compose,
  constant,
  type Duration,
  definePolicy,
  environment,
  exponential,
  type Outcome,
  RejectedError,
  type RetryOptions,
  retry,
  type Verdict,
} from "ninelives";
import { ManualClock, seededRandom } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { type Caller, stage } from "./stage.ts";

const steady = (options: RetryOptions = {}) => retry({ backoff: constant(100), jitter: "none", ...options });
const down = new Error("down");

/** Values from 500 are failures; a Response's status without its Response. */
const classify = (outcome: Outcome): Verdict => {
  if ("error" in outcome) return { kind: "failure", retryable: true };
  if (outcome.value === 429) return { kind: "ignored", retryable: true, retryAfter: 5_000 };
  if (outcome.value === 404) return { kind: "ignored", retryable: false };
  if (outcome.value === 501) return { kind: "failure", retryable: false };
  return outcome.value === 503 ? { kind: "failure", retryable: true } : { kind: "success", retryable: false };
};

describe("retry", () => {
  it("calls once when the call succeeds", async () => {
    const { clock, origin, sink, succeed } = stage(retry());
    expect((await succeed()).seen).toEqual({ value: "ok" });
    expect(origin.calls.length).toBe(1);
    expect(sink.types).toEqual(["request.succeeded"]);
    expect(clock.pending).toBe(0);
  });

  it("calls three times in all, unless told otherwise, and throws the last error as it is", async () => {
    const { clock, origin, sink, call } = stage(retry());
    const seen = call();
    for (const error of [new Error("1"), new Error("2"), down]) {
      expect(seen.seen).toBe("nothing yet");
      origin.last.fail(error);
      await clock.advance(1_000);
    }
    expect(seen.error).toBe(down);
    expect(origin.calls.length).toBe(3);
    expect(sink.types).toEqual(["retry.attempted", "retry.attempted", "retry.exhausted", "request.failed"]);
    expect(clock.pending).toBe(0);
  });

  it("calls again when a layer further in throws at once", async () => {
    let calls = 0;
    const moody = definePolicy("moody", (next) => (request, context) => {
      if (++calls < 3) throw down;
      return next(request, context);
    });
    const { clock, origin, call } = stage(compose(steady(), moody));
    const seen = call();
    await clock.advance(200);
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "ok" });
    expect(clock.pending).toBe(0);
  });

  it("stops at the first success", async () => {
    const { clock, origin, sink, call } = stage(steady());
    const seen = call();
    origin.last.fail(down);
    await clock.advance(100);
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "ok" });
    expect(origin.calls.map(({ request }) => request)).toEqual(["request 1", "request 1"]);
    expect(sink.of("retry.attempted")).toEqual([
      expect.objectContaining({ attempt: 1, delay: 100, kind: "Error" }),
    ]);
    expect(sink.of("request.succeeded")[0]?.attempts).toBe(2);
    expect(clock.pending).toBe(0);
  });

  it("with one attempt never calls again, and says nothing of being exhausted", async () => {
    const { origin, sink, fail } = stage(retry(1));
    expect((await fail(down)).error).toBe(down);
    expect(origin.calls.length).toBe(1);
    expect(sink.types).toEqual(["request.failed"]);
  });

  it("numbers the attempts of the innermost retry", async () => {
    const { clock, origin, call } = stage(compose(steady({ attempts: 2 }), steady({ attempts: 2 })));
    const seen = call();
    for (let made = 0; made < 4; made++) {
      origin.last.fail(down);
      await clock.advance(100);
    }
    expect(origin.calls.map(({ context }) => context.attempt)).toEqual([1, 2, 1, 2]);
    expect(seen.error).toBe(down);
    expect(clock.pending).toBe(0);
  });

  describe("waits", () => {
    it("as long as the back-off says, and not less", async () => {
      const { clock, origin, call } = stage(steady({ attempts: 4, backoff: exponential(100) }));
      call();
      for (const delay of [100, 200, 400]) {
        const made = origin.calls.length;
        origin.last.fail(down);
        await clock.advance(delay - 1);
        expect(origin.calls.length).toBe(made);
        await clock.advance(1);
        expect(origin.calls.length).toBe(made + 1);
      }
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(clock.pending).toBe(0);
    });

    it("a random share of the back-off, unless told otherwise", async () => {
      const { clock, origin, sink, call } = stage(retry(), { random: () => 0.25 });
      call();
      origin.last.fail(down);
      await clock.advance(25);
      origin.last.fail(down);
      await clock.advance(50);
      origin.last.fail(down);
      await clock.advance(0);
      expect(sink.of("retry.attempted").map(({ delay }) => delay)).toEqual([25, 50]);
      expect(origin.calls.length).toBe(3);
      expect(clock.pending).toBe(0);
    });

    it("no longer than maximumDelay, which full jitter spreads too", async () => {
      const policy = retry({ attempts: 200, backoff: exponential("1s"), maximumDelay: "10s" });
      const { clock, origin, sink, call } = stage(policy, { random: seededRandom(7) });
      call();
      for (let made = 0; made < 199; made++) {
        origin.last.fail(down);
        await clock.advance(10_000);
      }
      const late = sink
        .of("retry.attempted")
        .slice(10)
        .map(({ delay }) => delay);
      expect(Math.max(...late)).toBeLessThanOrEqual(10_000);
      expect(late.filter((delay) => delay === 10_000).length).toBeLessThan(5);
      expect(late.filter((delay) => delay < 5_000).length).toBeGreaterThan(50);
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(clock.pending).toBe(0);
    });

    it("at least what the other side asked for", async () => {
      const { clock, origin, sink, call } = stage(steady({ attempts: 2 }), { classify });
      const seen = call();
      origin.last.succeed(429);
      await clock.advance(4_999);
      expect(origin.calls.length).toBe(1);
      await clock.advance(1);
      origin.last.succeed(200);
      await clock.advance(0);
      expect(seen.seen).toEqual({ value: 200 });
      expect(sink.of("retry.attempted")).toEqual([expect.objectContaining({ delay: 5_000, kind: "value" })]);
      expect(clock.pending).toBe(0);
    });

    it("no longer than maximumDelay even if the other side asks for it", async () => {
      const { clock, origin, sink, call } = stage(steady({ attempts: 2, maximumDelay: "1s" }), { classify });
      call();
      origin.last.succeed(429);
      await clock.advance(1_000);
      expect(origin.calls.length).toBe(2);
      expect(sink.of("retry.attempted")[0]?.delay).toBe(1_000);
      origin.last.succeed(200);
      await clock.advance(0);
      expect(clock.pending).toBe(0);
    });

    it("not at all when the wait would outlive the deadline", async () => {
      const { clock, origin, sink, call } = stage(steady());
      const seen = call({ deadline: 250 });
      origin.last.fail(down);
      await clock.advance(100);
      await clock.advance(50);
      origin.last.fail(down);
      await clock.advance(0);
      expect(seen.error).toBe(down);
      expect(origin.calls.length).toBe(2);
      expect(sink.of("retry.exhausted")).toEqual([expect.objectContaining({ attempts: 2, reason: "time" })]);
      expect(clock.pending).toBe(0);
    });

    it("not at all when the wait would end after `within`, and says so after one attempt too", async () => {
      const { clock, origin, sink, call } = stage(steady({ within: 150 }));
      await clock.advance(1_000);
      const seen = call();
      await clock.advance(49);
      origin.last.fail(down);
      await clock.advance(100);
      await clock.advance(2);
      origin.last.fail(down);
      await clock.advance(0);
      expect(seen.error).toBe(down);
      expect(origin.calls.length).toBe(2);

      const slow = stage(steady({ within: 150 }));
      const other = slow.call();
      await slow.clock.advance(50);
      slow.origin.last.fail(down);
      await slow.clock.advance(0);
      expect(other.error).toBe(down);
      expect(slow.sink.of("retry.exhausted")).toEqual([
        expect.objectContaining({ attempts: 1, reason: "time" }),
      ]);
      expect(sink.of("retry.exhausted")).toEqual([expect.objectContaining({ attempts: 2, reason: "time" })]);
      expect([clock.pending, slow.clock.pending]).toEqual([0, 0]);
    });
  });

  describe("spreads its waits", () => {
    it.each([
      ["±30 %, and not past maximumDelay", 0.3, [130, 260, 500, 500]],
      ["decorrelated, from the first wait to three times the last", "decorrelated", [300, 500, 500, 500]],
    ] as const)("%s", async (_, jitter, delays) => {
      const policy = retry({ attempts: 5, backoff: exponential(100), jitter, maximumDelay: 500 });
      const { clock, origin, sink, call } = stage(policy, { random: () => 1 });
      origin.script(...Array.from({ length: 5 }, () => () => Promise.reject(down)));
      const seen = call();
      await clock.advance(2_000);
      expect(sink.of("retry.attempted").map(({ delay }) => Math.round(delay))).toEqual(delays);
      expect(seen.error).toBe(down);
      expect(clock.pending).toBe(0);
    });

    it("±30 % at the cap too, where waits would else pile up", async () => {
      const policy = retry({ attempts: 2, backoff: constant(1_000), jitter: 0.3, maximumDelay: 500 });
      const delays = [0, 0.5, 1].map(async (random) => {
        const { clock, origin, sink, call } = stage(policy, { random: () => random });
        call();
        origin.last.fail(down);
        await clock.advance(500);
        origin.last.succeed("ok");
        await clock.advance(0);
        return sink.of("retry.attempted")[0]?.delay;
      });
      expect((await Promise.all(delays)).map((delay) => Math.round(delay ?? 0))).toEqual([269, 385, 500]);
    });

    it("decorrelated anew for each call", async () => {
      const policy = retry({ attempts: 2, backoff: constant(100), jitter: "decorrelated" });
      const { clock, origin, sink, call } = stage(policy, { random: () => 1 });
      for (const _ of [1, 2]) {
        origin.script(
          () => Promise.reject(down),
          () => "ok",
        );
        call();
        await clock.advance(300);
      }
      expect(sink.of("retry.attempted").map(({ delay }) => delay)).toEqual([300, 300]);
      expect(clock.pending).toBe(0);
    });
  });

  it("asks a computed back-off for each wait, with what came of the attempt", async () => {
    const asked: unknown[] = [];
    const backoff = (attempt: number, outcome: Outcome) => {
      asked.push([attempt, outcome]);
      return attempt === 1 ? 10 : "1s";
    };
    const { clock, origin, call } = stage(steady({ backoff }), { classify });
    call();
    origin.last.succeed(503);
    await clock.advance(10);
    origin.last.fail(down);
    await clock.advance(999);
    expect(origin.calls.length).toBe(2);
    await clock.advance(1);
    origin.last.succeed(200);
    await clock.advance(0);
    expect(asked).toEqual([
      [1, { value: 503 }],
      [2, { error: down }],
    ]);
    expect(clock.pending).toBe(0);
  });

  it("takes its waits from any iterable, once for all calls", async () => {
    const { clock, origin, sink, call } = stage(
      steady({ attempts: 4, backoff: new Set<Duration>([5, "10ms"]) }),
    );
    for (const _ of [1, 2]) {
      origin.script(...Array.from({ length: 4 }, () => () => Promise.reject(down)));
      call();
      await clock.advance(100);
    }
    expect(sink.of("retry.attempted").map(({ delay }) => delay)).toEqual([5, 10, 10, 5, 10, 10]);
    expect(clock.pending).toBe(0);
  });

  it("reads no clock while calls succeed", async () => {
    const clock = new ManualClock();
    let reads = 0;
    const counting: Clock = {
      now: () => {
        reads++;
        return clock.now();
      },
      wall: () => clock.wall(),
      setTimer: (callback, ms) => clock.setTimer(callback, ms),
      clearTimer: (handle) => clock.clearTimer(handle),
      keepAlive: (handle, wanted) => clock.keepAlive(handle, wanted),
      sharesTimers: () => true,
    };
    const succeed = (options: RetryOptions) =>
      compose(environment({ clock: counting }), retry(options)).execute(async () => "ok");
    await succeed({});
    expect(reads).toBe(0);
    await succeed({ within: "1s" });
    expect(reads).toBe(1);
  });

  describe("a value that classify calls a failure", () => {
    it("is discarded before the next attempt, and returned after the last one", async () => {
      const discarded: unknown[] = [];
      const { clock, origin, call } = stage(steady(), {
        classify,
        discard: (value) => discarded.push(value),
      });
      const seen = call();
      for (let made = 0; made < 3; made++) {
        origin.last.succeed(503);
        await clock.advance(0);
        expect(discarded.length).toBe(Math.min(made + 1, 2));
        await clock.advance(100);
      }
      expect(seen.seen).toEqual({ value: 503 });
      expect(origin.calls.length).toBe(3);
      expect(clock.pending).toBe(0);
    });

    it.each([404, 501])("is returned at once when it may not pass: %d", async (status) => {
      const { clock, origin, sink, succeed } = stage(steady(), { classify });
      expect((await succeed(status)).seen).toEqual({ value: status });
      expect(origin.calls.length).toBe(1);
      expect(sink.of("retry.exhausted")).toEqual([]);
      expect(clock.pending).toBe(0);
    });
  });

  it.each([
    ["circuit-open", 1],
    ["bulkhead-full", 1],
    ["lost-race", 1],
    ["timeout", 3],
  ])("meets a rejection of another policy, %s, with %d calls", async (kind, calls) => {
    const { clock, origin, call } = stage(steady());
    const rejection = new RejectedError(kind, "p", "no", { retryAfter: 1 });
    origin.script(...Array.from({ length: 3 }, () => () => Promise.reject(rejection)));
    const seen = call();
    await clock.advance(1_000);
    expect(seen.error).toBe(rejection);
    expect(origin.calls.length).toBe(calls);
    expect(clock.pending).toBe(0);
  });

  it("asks retryOn, where it is given, of all but successes", async () => {
    const asked: unknown[] = [];
    const retryOn = (outcome: Outcome, verdict: Verdict): boolean => {
      asked.push([outcome, verdict.kind]);
      return "value" in outcome && outcome.value === 404;
    };
    const { clock, origin, call } = stage(steady({ retryOn }), { classify });
    const seen = call();
    origin.last.succeed(404);
    await clock.advance(100);
    origin.last.fail(down);
    await clock.advance(0);
    expect(seen.error).toBe(down);
    const fine = call();
    origin.last.succeed(200);
    await clock.advance(0);
    expect(fine.seen).toEqual({ value: 200 });
    expect(asked).toEqual([
      [{ value: 404 }, "ignored"],
      [{ error: down }, "failure"],
    ]);
    expect(clock.pending).toBe(0);
  });

  it("sends a request that must not be repeated once", async () => {
    const { clock, origin, call } = stage(steady());
    const seen = call({ repeatable: false });
    origin.last.fail(down);
    await clock.advance(1_000);
    expect(seen.error).toBe(down);
    expect(origin.calls.length).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it("throws what the caller aborts with, whatever the service makes of it", async () => {
    const { clock, origin, call } = stage(steady());
    const controller = new AbortController();
    const seen = call({ signal: controller.signal });
    controller.abort("navigated");
    origin.last.fail(down);
    await clock.advance(1_000);
    expect(seen.error).toBe("navigated");
    expect(origin.calls.length).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it("follows an adaptive number of attempts, while it waits too", async () => {
    const attempts = adaptive(5);
    const { clock, origin, call } = stage(steady({ attempts }));
    const seen = call();
    origin.last.fail(down);
    await clock.advance(50);
    expect(() => attempts.set(0)).toThrow("retry: attempts must be a whole number of at least 1, but is 0");
    attempts.set(2);
    await clock.advance(50);
    origin.last.fail(down);
    await clock.advance(0);
    expect(seen.error).toBe(down);
    expect(origin.calls.length).toBe(2);
    expect(clock.pending).toBe(0);
  });

  it("takes options that are functions of the context", async () => {
    const { clock, origin, call } = stage(
      steady({
        attempts: ({ key }) => (key === "patient" ? 3 : 1),
        maximumDelay: () => 10,
        within: () => "1s",
      }),
    );
    const seen: Caller[] = ["patient", "hasty"].map((key) => {
      origin.script(...Array.from({ length: key === "patient" ? 3 : 1 }, () => () => Promise.reject(down)));
      return call({ key });
    });
    await clock.advance(20);
    expect(seen.map(({ error }) => error)).toEqual([down, down]);
    expect(origin.calls.length).toBe(4);
    expect(clock.pending).toBe(0);
  });

  it("keeps no state: two calls have their own attempts", async () => {
    const { clock, origin, call } = stage(steady({ attempts: 2 }));
    const [first, second] = [call(), call()];
    for (const { fail } of [...origin.calls]) fail(down);
    await clock.advance(100);
    expect(origin.calls.map(({ request }) => request)).toEqual([
      "request 1",
      "request 2",
      "request 1",
      "request 2",
    ]);
    origin.calls[2]?.succeed("a");
    origin.calls[3]?.fail(down);
    await clock.advance(0);
    expect([first?.seen, second?.seen]).toEqual([{ value: "a" }, { error: down }]);
    expect(clock.pending).toBe(0);
  });

  it.each<[string, RetryOptions, string]>([
    ["attempts", { attempts: 0 }, "retry: attempts must be a whole number of at least 1, but is 0"],
    ["number", "3" as never, 'retry: attempts must be a whole number of at least 1, but is "3"'],
    ["maximumDelay", { maximumDelay: -1 }, "retry: maximumDelay must be a duration"],
    ["within", { within: "1d" as "1h" }, 'but is "1d"'],
    ["jitter", { jitter: "some" as "full" }, '"some"'],
    ["backoff", { backoff: "100ms" as never }, 'retry: backoff must be one such as exponential("100ms")'],
    ["budget", { budget: 3 as never }, "retry: budget must be a budget such as retryBudget(), but is 3"],
    ["budget", { budget: {} as never }, "retry: budget must be a budget such as retryBudget(), but is {}"],
    ["tries", { tries: 3 } as RetryOptions, 'retry has no option "tries"; it has attempts, backoff'],
  ])("refuses a bad %s when it is made", (_, options, message) => {
    expect(() => retry(options)).toThrow(message);
  });

  it("works on the platform's own clock", async () => {
    let calls = 0;
    const flaky = async () => {
      if (++calls < 3) throw down;
      return "ok";
    };
    expect(await retry({ backoff: constant(0) }).wrap(flaky)(undefined)).toBe("ok");
    expect(calls).toBe(3);
  });
});
