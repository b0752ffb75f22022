import {
  adaptive,
  type CircuitBreakerOptions,
  type CircuitState,
  circuitBreaker,
  compose,
  type Duration,
  definePolicy,
  environment,
  isRejected,
  type Outcome,
  RejectedError,
  retry,
  type SharedStore,
  timeout,
  type Verdict,
} from "ninelives";
import { ManualClock, recordingSink, scriptedService } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { stage } from "./stage.ts";

const down = new Error("down");
const hasty = { consecutiveFailures: 1, openFor: "1s" } as const;

describe("circuitBreaker", () => {
  it("hands on values and errors as they are", async () => {
    const { clock, sink, succeed, fail } = stage(circuitBreaker());
    expect((await succeed("fine")).seen).toEqual({ value: "fine" });
    expect((await fail(down)).error).toBe(down);
    expect(sink.types).toEqual(["request.succeeded", "request.failed"]);
    expect(clock.pending).toBe(0);
  });

  it("opens by default when half of at least 20 calls failed", async () => {
    const circuit = circuitBreaker();
    const { origin, call, clock, succeed, fail } = stage(circuit);
    for (let made = 0; made < 10; made++) await succeed();
    for (let made = 0; made < 9; made++) await fail();
    expect(circuit.state).toBe("closed");
    await fail();
    expect(circuit.state).toBe("open");
    expect(circuit.failureRate).toBe(0.5);
    const refused = call();
    await clock.advance(0);
    expect(refused.error).toMatchObject({
      kind: "circuit-open",
      policy: "circuit",
      message: "circuit is open",
      retryAfter: 30_000,
    });
    expect(origin.calls.length).toBe(20);
  });

  it("refuses while open, probes after openFor and closes when the probe succeeds", async () => {
    const circuit = circuitBreaker({ name: "prices", ...hasty });
    const { clock, origin, sink, call, succeed, fail } = stage(circuit);
    await fail();
    await clock.advance(400);
    const refused = call();
    await clock.advance(0);
    expect(refused.error).toMatchObject({ kind: "circuit-open", policy: "prices", retryAfter: 600 });
    await clock.advance(600);
    expect(circuit.state).toBe("open");
    const probe = call();
    expect(circuit.state).toBe("half-open");
    const another = call();
    await clock.advance(0);
    expect(isRejected(another.error, "circuit-open")).toBe(true);
    origin.last.succeed("well");
    await clock.advance(0);
    expect(probe.seen).toEqual({ value: "well" });
    expect(circuit.state).toBe("closed");
    await succeed();
    expect(origin.calls.length).toBe(3);
    expect(sink.events.filter(({ type }) => type.startsWith("circuit"))).toEqual([
      expect.objectContaining({
        type: "circuit.opened",
        circuit: "prices",
        from: "closed",
        failureRate: 1,
        openFor: 1_000,
        reason: "failures",
      }),
      expect.objectContaining({ type: "circuit.rejected", circuit: "prices", retryAfter: 600 }),
      expect.objectContaining({ type: "circuit.half-opened", circuit: "prices", from: "open" }),
      expect.objectContaining({ type: "circuit.rejected", circuit: "prices", retryAfter: 1_000 }),
      expect.objectContaining({
        type: "circuit.closed",
        circuit: "prices",
        from: "half-open",
        openFor: 1_000,
      }),
    ]);
    expect(clock.pending).toBe(0);
  });

  it("opens again for longer when the probe fails", async () => {
    const { clock, sink, fail } = stage(circuitBreaker({ ...hasty, maximumOpenFor: "3s" }));
    await fail();
    for (const openFor of [1_000, 2_000, 3_000]) {
      await clock.advance(openFor);
      await fail();
    }
    expect(sink.of("circuit.opened").map(({ reason, openFor }) => [reason, openFor])).toEqual([
      ["failures", 1_000],
      ["probe", 2_000],
      ["probe", 3_000],
      ["probe", 3_000],
    ]);
  });

  it("opens on slow calls, if asked to", async () => {
    const circuit = circuitBreaker({ slowCall: "100ms", slowCallRate: 0.5, minimumCalls: 2, failureRate: 1 });
    const { clock, origin, sink, call } = stage(circuit);
    for (const duration of [100, 101]) {
      call();
      await clock.advance(duration);
      origin.last.succeed("ok");
      await clock.advance(0);
    }
    expect(circuit.state).toBe("open");
    expect(sink.of("circuit.opened")).toEqual([
      expect.objectContaining({ reason: "slow-calls", failureRate: 0 }),
    ]);
    expect(clock.pending).toBe(0);
  });

  it("opens when all calls are slow, where slowCall is all it was told; slow failures count as both", async () => {
    const circuit = circuitBreaker({ slowCall: "100ms", minimumCalls: 4, failureRate: 0.9 });
    const { clock, origin, call } = stage(circuit);
    for (const how of ["succeed", "fail", "succeed", "fail"] as const) {
      expect(circuit.state).toBe("closed");
      call();
      await clock.advance(101);
      how === "fail" ? origin.last.fail(down) : origin.last.succeed("ok");
      await clock.advance(0);
    }
    expect(circuit.state).toBe("open");
  });

  it("looks at a span of time, if asked to", async () => {
    const circuit = circuitBreaker({ window: "10s", minimumCalls: 2 });
    const { clock, fail } = stage(circuit);
    await fail();
    await clock.advance(10_000);
    await fail();
    expect(circuit.state).toBe("closed");
    await clock.advance(5_000);
    await fail();
    expect(circuit.state).toBe("open");
  });

  it("asks for no more calls than its window can hold", async () => {
    const circuit = circuitBreaker({ window: 5 });
    const { fail } = stage(circuit);
    for (let made = 0; made < 5; made++) {
      expect(circuit.state).toBe("closed");
      await fail();
    }
    expect(circuit.state).toBe("open");
  });

  it("judges values by the environment's classify", async () => {
    const classify = (outcome: Outcome): Verdict => ({
      kind:
        "value" in outcome && outcome.value === 503
          ? "failure"
          : "value" in outcome && outcome.value === 404
            ? "ignored"
            : "success",
      retryable: false,
    });
    const circuit = circuitBreaker({ window: 3, minimumCalls: 3, failureRate: 1 });
    const { succeed } = stage(circuit, { classify });
    await succeed(503);
    await succeed(404);
    await succeed(503);
    expect(circuit.state).toBe("closed");
    expect((await succeed(503)).seen).toEqual({ value: 503 });
    expect(circuit.state).toBe("open");
  });

  it.each<[string, unknown, CircuitState]>([
    ["an error", down, "open"],
    ["a timeout further in", new RejectedError("timeout", "timeout", "late"), "open"],
    ["a full bulkhead further in", new RejectedError("bulkhead-full", "bulkhead", "full"), "closed"],
    ["an open circuit further in", new RejectedError("circuit-open", "other", "open"), "closed"],
  ])("after %s", async (_, error, state) => {
    const circuit = circuitBreaker(hasty);
    const { fail } = stage(circuit);
    expect((await fail(error)).error).toBe(error);
    expect(circuit.state).toBe(state);
  });

  it("ignores what a call tells that began before it opened", async () => {
    const circuit = circuitBreaker(hasty);
    const { clock, origin, call, fail } = stage(circuit);
    const early = call();
    const first = origin.last;
    await fail();
    await clock.advance(1_000);
    call();
    first.succeed("early");
    await clock.advance(0);
    expect(early.seen).toEqual({ value: "early" });
    expect(circuit.state).toBe("half-open");
    origin.last.succeed("probe");
    await clock.advance(0);
    expect(circuit.state).toBe("closed");
  });

  it("lets so many probes through at a time, and closes after so many successes", async () => {
    const circuit = circuitBreaker({ ...hasty, probes: 2, successesToClose: 3 });
    const { clock, origin, call, fail } = stage(circuit);
    await fail();
    await clock.advance(1_000);
    const seen = [call(), call(), call()];
    await clock.advance(0);
    expect(origin.calls.length).toBe(3);
    expect(isRejected(seen[2]?.error, "circuit-open")).toBe(true);
    for (const index of [1, 2]) origin.calls[index]?.succeed("ok");
    await clock.advance(0);
    expect(circuit.state).toBe("half-open");
    call();
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(circuit.state).toBe("closed");
    expect(clock.pending).toBe(0);
  });

  it("gets the permit back from a probe whose layer further in throws at once, and judges what it threw", async () => {
    const circuit = circuitBreaker(hasty);
    let error: unknown;
    const moody = definePolicy("moody", (next) => (request, context) => {
      if (error !== undefined) throw error;
      return next(request, context);
    });
    const { clock, call, fail, succeed } = stage(compose(circuit, moody));
    await fail();
    await clock.advance(1_000);
    error = new RejectedError("rate-limited", "p", "no");
    const thrown = call();
    await clock.advance(0);
    expect(thrown.error).toBe(error);
    expect(circuit.state).toBe("half-open");
    error = undefined;
    await succeed();
    expect(circuit.state).toBe("closed");
    error = down;
    call();
    await clock.advance(0);
    expect(circuit.state).toBe("open");
  });

  describe("the caller's abort", () => {
    it("is neither failure nor success, whatever the service makes of it", async () => {
      const circuit = circuitBreaker({ ...hasty, window: 2 });
      const { clock, origin, call } = stage(circuit);
      const controller = new AbortController();
      const seen = call({ signal: controller.signal });
      controller.abort("navigated");
      origin.last.fail(down);
      await clock.advance(0);
      expect(seen.error).toBe("navigated");
      expect(circuit.state).toBe("closed");
      expect(circuit.snapshot().window.calls).toBe(0);
      expect(clock.pending).toBe(0);
    });

    it("gives a probe's permit back at once, even if the service never settles", async () => {
      const circuit = circuitBreaker(hasty);
      const { clock, origin, call, fail, succeed } = stage(circuit);
      await fail();
      await clock.advance(1_000);
      const controller = new AbortController();
      call({ signal: controller.signal });
      controller.abort();
      expect(circuit.state).toBe("half-open");
      expect((await succeed()).seen).toEqual({ value: "ok" });
      expect(circuit.state).toBe("closed");
      origin.calls[1]?.fail(down);
      await clock.advance(0);
      expect(circuit.state).toBe("closed");
    });
  });

  it("timeout > circuitBreaker: a call that the timeout cuts off has failed, even if the service never settles", async () => {
    const circuit = circuitBreaker(hasty);
    const { clock, call } = stage(compose(timeout("1s"), circuit));
    call();
    await clock.advance(1_000);
    expect(circuit.state).toBe("open");
    expect(clock.pending).toBe(0);
  });

  it("timeout > circuitBreaker: a call that was cut off counts once, whatever its service does later", async () => {
    const circuit = circuitBreaker({ window: 10, minimumCalls: 10 });
    const { clock, origin, call } = stage(compose(timeout("1s"), circuit));
    call();
    call();
    await clock.advance(1_000);
    expect(circuit.snapshot().window).toMatchObject({ calls: 2, failures: 2 });
    origin.calls[0]?.fail(down);
    origin.calls[1]?.succeed("late");
    await clock.advance(0);
    expect(circuit.snapshot().window).toMatchObject({ calls: 2, failures: 2 });
  });

  it("timeout > circuitBreaker: the caller's abort still counts as nothing", async () => {
    const circuit = circuitBreaker(hasty);
    const { clock, call } = stage(compose(timeout("1s"), circuit));
    const controller = new AbortController();
    const seen = call({ signal: controller.signal });
    controller.abort("navigated");
    await clock.advance(1_000);
    expect(seen.error).toBe("navigated");
    expect(circuit.state).toBe("closed");
    expect(clock.pending).toBe(0);
  });

  it("counts a call that its own deadline cuts off as failed", async () => {
    const circuit = circuitBreaker(hasty);
    const { clock, call } = stage(circuit);
    call({ deadline: 500 });
    await clock.advance(500);
    expect(circuit.state).toBe("open");
    expect(clock.pending).toBe(0);
  });

  it("retry > circuitBreaker: stops trying when the circuit opens", async () => {
    const { clock, origin, call } = stage(compose(retry(5), circuitBreaker({ consecutiveFailures: 2 })), {
      random: () => 0,
    });
    const seen = call();
    origin.last.fail(down);
    await clock.advance(0);
    origin.last.fail(down);
    await clock.advance(0);
    expect(isRejected(seen.error, "circuit-open")).toBe(true);
    expect(origin.calls.length).toBe(2);
    expect(clock.pending).toBe(0);
  });

  it("circuitBreaker > retry: counts all attempts as one call", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: 2 });
    const { clock, origin, call } = stage(compose(circuit, retry(3)), { random: () => 0 });
    origin.script(...Array.from({ length: 3 }, () => () => Promise.reject(down)));
    call();
    for (let made = 0; made < 3; made++) await clock.advance(0);
    expect(origin.calls.length).toBe(3);
    expect(circuit.state).toBe("closed");
  });

  it("is one circuit for all services that are wrapped with it", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: 1 });
    await circuit.execute(() => Promise.reject(down)).catch(() => {});
    await expect(circuit.wrap(async () => "ok")(undefined)).rejects.toMatchObject({ kind: "circuit-open" });
  });

  describe("by hand", () => {
    it.each<[keyof typeof commands, CircuitState, boolean, number]>([
      ["open", "forced-open", false, 0],
      ["close", "closed", true, 1],
      ["reset", "closed", true, 1],
      ["disable", "disabled", true, 0],
      ["metricsOnly", "metrics-only", true, 1],
    ])("%s makes it %s", async (command, state, passes, counted) => {
      const circuit = circuitBreaker();
      const { origin, fail } = stage(circuit);
      commands[command](circuit);
      expect(circuit.state).toBe(state);
      const seen = await fail();
      expect(isRejected(seen.error, "circuit-open")).toBe(!passes);
      expect(origin.calls.length).toBe(passes ? 1 : 0);
      expect(circuit.snapshot().window.calls).toBe(counted);
    });

    const commands = {
      open: (circuit: ReturnType<typeof circuitBreaker>) => circuit.open(),
      close: (circuit: ReturnType<typeof circuitBreaker>) => circuit.close(),
      reset: (circuit: ReturnType<typeof circuitBreaker>) => circuit.reset(),
      disable: (circuit: ReturnType<typeof circuitBreaker>) => circuit.disable(),
      metricsOnly: (circuit: ReturnType<typeof circuitBreaker>) => circuit.metricsOnly(),
    };

    it("open holds until close, and says of no time when to try again", async () => {
      const circuit = circuitBreaker();
      const { clock, sink, call, succeed } = stage(circuit);
      circuit.open();
      await clock.advance(1_000_000);
      const refused = call();
      await clock.advance(0);
      expect((refused.error as RejectedError).retryAfter).toBeUndefined();
      expect(sink.of("circuit.rejected")[0]).not.toHaveProperty("retryAfter");
      circuit.close();
      expect((await succeed()).seen).toEqual({ value: "ok" });
    });
  });

  it.each([
    [{ state: "weird" }, /^restore: state must be one of closed, .*, metrics-only, but is "weird"$/],
    [{ state: undefined }, "restore: state must be"],
    [{ remaining: "soon" }, /^restore: remaining must be a number from 0 to \d+, but is "soon"$/],
    [{ remaining: -1 }, "restore: remaining must be"],
    [{ reopenings: null }, "restore: reopenings must be"],
    [{ consecutiveFailures: Number.NaN }, "restore: consecutiveFailures must be"],
    [{ window: undefined }, "restore: calls must be"],
    [{ window: { calls: 1, failures: {}, slowCalls: 0 } }, "restore: failures must be"],
    [{ window: { calls: 1, failures: 0 } }, "restore: slowCalls must be"],
  ])("refuses to restore a snapshot that says %j, and stays as it was", async (wrong, message) => {
    const circuit = circuitBreaker({ consecutiveFailures: 2 });
    const { fail } = stage(circuit);
    await fail();
    await fail();
    const before = circuit.snapshot();
    const restore = () => circuit.restore({ ...before, ...wrong } as never);
    expect(restore).toThrow(message);
    expect(restore).toThrow(RangeError);
    expect(circuit.snapshot()).toEqual({ ...before, state: "open" });
  });

  it.each([{}, null, undefined, "open", 5])("refuses to restore %j", (wrong) => {
    const circuit = circuitBreaker();
    expect(() => circuit.restore(wrong as never)).toThrow("restore: reopenings must be");
    expect(circuit.state).toBe("closed");
  });

  it("restores in a new circuit what it remembered of another", async () => {
    const circuit = circuitBreaker(hasty);
    const { clock, fail } = stage(circuit);
    await fail();
    await clock.advance(400);
    const later = circuitBreaker(hasty);
    const other = stage(later);
    await other.succeed();
    later.restore(JSON.parse(JSON.stringify(circuit.snapshot())));
    expect(later.state).toBe("open");
    const refused = other.call();
    await other.clock.advance(0);
    expect(refused.error).toMatchObject({ retryAfter: 600 });
    await other.clock.advance(600);
    await other.succeed();
    expect(later.state).toBe("closed");
  });

  it("alone has nothing to sync", async () => {
    await expect(circuitBreaker().sync()).resolves.toBeUndefined();
  });

  it("listens to the caller's signal only where it must know of the abort at once", async () => {
    const heard: string[] = [];
    const { signal } = new AbortController();
    const add = signal.addEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      heard.push(args[0]);
      add(...args);
    };
    const circuit = circuitBreaker(hasty);
    const { clock, origin, call, fail } = stage(circuit);
    call({ signal });
    expect(heard).toEqual([]);
    await fail();
    await clock.advance(1_000);
    call({ signal });
    expect(heard).toEqual(["abort"]);
    for (const made of origin.calls) if (!made.settled) made.succeed("ok");
    await clock.advance(0);
    expect(clock.pending).toBe(0);
  });

  it("refuses before anything is sent, on the platform's clock too", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: 1, slowCall: "1h" });
    await expect(circuit.execute(() => Promise.reject(down))).rejects.toBe(down);
    await expect(circuit.execute(async () => "never")).rejects.toMatchObject({ kind: "circuit-open" });
  });

  it("follows adaptive options from the next call on, and keeps what it remembers", async () => {
    const consecutiveFailures = adaptive(3);
    const openFor = adaptive<Duration>("1s");
    const circuit = circuitBreaker({ consecutiveFailures, openFor });
    const { call, clock, fail } = stage(circuit);
    await fail();
    await fail();
    expect(() => consecutiveFailures.set(0)).toThrow("circuitBreaker: consecutiveFailures");
    consecutiveFailures.set(2);
    openFor.set("2s");
    expect(circuit.state).toBe("closed");
    await fail();
    expect(circuit.state).toBe("open");
    const refused = call();
    await clock.advance(0);
    expect(refused.error).toMatchObject({ kind: "circuit-open", retryAfter: 2_000 });
  });

  it("asks a function of the context at each call, and judges the first by the defaults until it is made", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: ({ key }) => (key === "frail" ? 1 : 3) });
    const { call, origin, clock } = stage(circuit);
    for (const key of ["sturdy", "frail"]) {
      expect(circuit.state).toBe("closed");
      call({ key });
      origin.last.fail(down);
      await clock.advance(0);
    }
    expect(circuit.state).toBe("open");
  });

  it.each<[CircuitBreakerOptions, string]>([
    [{ consecutiveFailures: 0 }, "circuitBreaker: consecutiveFailures must be a whole number"],
    [{ failureRate: 0 }, "circuitBreaker: failureRate must be a number from 0.0001 to 1, but is 0"],
    [{ failureRate: 50 }, "circuitBreaker: failureRate must be a number from 0.0001 to 1, but is 50"],
    [{ slowCall: -1 }, "circuitBreaker: slowCall must be a duration"],
    [{ slowCall: 1, slowCallRate: 2 }, "circuitBreaker: slowCallRate must be a number"],
    [{ window: 0 }, "circuitBreaker: window must be a whole number of at least 1, but is 0"],
    [{ window: "0s" }, 'circuitBreaker: window must be longer than 0, but is "0s"'],
    [{ window: "soon" as "1s" }, "circuitBreaker: window must be a duration"],
    [{ minimumCalls: 0 }, "circuitBreaker: minimumCalls must be a whole number"],
    [
      { window: 10, minimumCalls: 11 },
      "circuitBreaker: minimumCalls must be a number from 1 to 10, but is 11",
    ],
    [{ openFor: 0 }, "circuitBreaker: openFor must be longer than 0"],
    [{ maximumOpenFor: -1 }, "circuitBreaker: maximumOpenFor must be a duration"],
    [
      { openFor: "10m", maximumOpenFor: "1m" },
      "circuitBreaker: maximumOpenFor (60000 ms) is shorter than openFor (600000 ms)",
    ],
    [
      { maximumOpenFor: "29s" },
      "circuitBreaker: maximumOpenFor (29000 ms) is shorter than openFor (30000 ms)",
    ],
    [{ slowCallRate: 0.5 }, "circuitBreaker: slowCallRate does nothing without slowCall"],
    [{ probes: 0 }, "circuitBreaker: probes must be a whole number"],
    [{ successesToClose: 0.5 }, "circuitBreaker: successesToClose must be a whole number"],
    [{ name: 5 as never }, "circuitBreaker: name must be a text, but is 5"],
    [
      { shared: { sync: async () => {} } as unknown as SharedStore },
      "circuitBreaker: shared must be a home such as memoryStore() or sharedBy(store), but is {}",
    ],
    [{ threshold: 5 } as CircuitBreakerOptions, 'circuitBreaker has no option "threshold"; it has name'],
  ])("refuses %j when it is made", (options, message) => {
    expect(() => circuitBreaker(options)).toThrow(message);
  });
});

describe("circuitBreaker and what a failure asks to wait", () => {
  const busy = (outcome: Outcome): Verdict =>
    "error" in outcome
      ? { kind: "failure", retryable: true }
      : { kind: outcome.value === "busy" ? "failure" : "success", retryable: true, retryAfter: 4_000 };

  it("stays open for as long as the answer that opened it asked, and says so", async () => {
    const { clock, sink, call, succeed, fail } = stage(
      circuitBreaker({ consecutiveFailures: 1, openFor: "1s" }),
      { classify: busy },
    );
    await succeed("busy");
    expect(sink.of("circuit.opened")).toEqual([expect.objectContaining({ openFor: 4_000 })]);
    await clock.advance(3_999);
    const refused = call();
    await clock.advance(0);
    expect(refused.error).toMatchObject({ kind: "circuit-open", retryAfter: 1 });
    await clock.advance(1);
    await fail();
    // The failed probe asked for nothing: the rules hold again, doubled once for the second opening.
    expect(sink.of("circuit.opened").at(-1)).toMatchObject({ openFor: 2_000, reason: "probe" });
    expect(clock.pending).toBe(0);
  });

  describe("switched before its first call", () => {
    it("restored open: stays so for what remains, by the clock of the calls", async () => {
      const circuit = circuitBreaker({ openFor: "1s" });
      const window = { calls: 0, failures: 0, slowCalls: 0 };
      circuit.restore({ state: "open", reopenings: 0, remaining: 1_000, window });
      const clock = new ManualClock();
      await clock.advance(1_000_000);
      const { call, succeed } = stage(circuit, { clock });
      const early = call();
      await clock.advance(999);
      expect(early.error).toMatchObject({ kind: "circuit-open", retryAfter: 1_000 });
      await clock.advance(1);
      expect((await succeed()).seen).toEqual({ value: "ok" });
      expect(circuit.state).toBe("closed");
    });

    it.each(["open", "close", "reset", "disable", "metricsOnly"] as const)("%s holds", async (what) => {
      const circuit = circuitBreaker();
      circuit.open();
      circuit[what]();
      const { state } = circuit;
      const { call, clock, origin } = stage(circuit);
      call();
      await clock.advance(0);
      expect(circuit.state).toBe(state);
      expect(origin.calls.length).toBe(what === "open" ? 0 : 1);
    });
  });
});

describe("circuitBreaker > switches by hand are told of", () => {
  const stage = () => {
    const clock = new ManualClock();
    const sink = recordingSink();
    const circuit = circuitBreaker({ name: "c", consecutiveFailures: 1, openFor: "1s" });
    const origin = scriptedService<void, string>();
    const call = compose(environment({ clock, sink }), circuit).wrap(origin);
    const told = () =>
      sink.events
        .filter(({ type }) => /opened|closed/.test(type))
        .map(({ at: _, policy: __, ...event }) => event);
    const fail = async () => {
      const called = call();
      origin.last?.fail(new Error("reset"));
      await called.catch(() => {});
    };
    return { clock, circuit, call, told, fail, origin };
  };

  it("at once, by the sink of the calls before", async () => {
    const { clock, circuit, call, told, origin } = stage();
    const called = call();
    origin.last?.succeed("ok");
    await called;
    circuit.open();
    circuit.open();
    await clock.advance(5_000);
    circuit.close();
    circuit.close();
    expect(told()).toEqual([
      { type: "circuit.opened", circuit: "c", from: "closed", failureRate: 0, reason: "forced" },
      { type: "circuit.closed", circuit: "c", from: "forced-open", openFor: 5_000 },
    ]);
  });

  it("with the first call, where nobody was there to hear it", async () => {
    const { circuit, call, told } = stage();
    circuit.open();
    expect(told()).toEqual([]);
    await call().catch(() => {});
    await call().catch(() => {});
    expect(told()).toMatchObject([{ type: "circuit.opened", from: "closed", reason: "forced" }]);
  });

  it.each(["disable", "metricsOnly", "reset"] as const)(
    "%s tells that calls pass again, and nothing where they passed before",
    async (name) => {
      const { circuit, told, fail } = stage();
      await fail();
      expect(told()).toMatchObject([{ type: "circuit.opened", from: "closed" }]);
      circuit[name]();
      circuit[name]();
      expect(told().slice(1)).toMatchObject([{ type: "circuit.closed", from: "open" }]);
      const other = stage();
      other.circuit[name]();
      await other.fail();
      other.circuit.metricsOnly();
      expect(other.told().filter(({ type }) => type === "circuit.closed")).toHaveLength(
        name === "reset" ? 1 : 0,
      );
    },
  );

  it("not when a snapshot is restored: that is no news", async () => {
    const { circuit, told, fail } = stage();
    await fail();
    const saved = circuit.snapshot();
    circuit.close();
    circuit.restore(saved);
    expect(told().map(({ type }) => type)).toEqual(["circuit.opened", "circuit.closed"]);
  });
});
