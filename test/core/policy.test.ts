import {
  type AllFailedError,
  type AnyPolicy,
  answer,
  type Context,
  circuitBreaker,
  compose,
  definePolicy,
  definePolicyFor,
  describe as describePolicy,
  fallback,
  identity,
  isRejected,
  type Outcome,
  orElse,
  type Policy,
  race,
  retry,
  type Service,
  timeout,
  type Verdict,
} from "ninelives";
import { describe, expect, it } from "vitest";
import { type Caller, caller, stage } from "../policies/stage.ts";

const down = new Error("down");

/** Says of each call that it passed here. */
const passing = (name: string, said: string[]): AnyPolicy =>
  definePolicy(name, (next) => (request, context) => {
    said.push(name);
    return next(request, context);
  });

/** Sends the call on, renamed, so that the origin knows which branch it came by. */
const by = (name: string): AnyPolicy =>
  definePolicyFor<unknown, unknown>(
    name,
    (next) => (request, context) => next(`${request} by ${name}`, context),
  );

const refuses = (error: unknown): AnyPolicy => definePolicy("refuses", () => () => Promise.reject(error));

const statuses = (outcome: Outcome): Verdict => ({
  kind:
    "error" in outcome || (typeof outcome.value === "number" && outcome.value >= 500) ? "failure" : "success",
  retryable: true,
});

async function seenBy({ seen }: Caller) {
  return seen;
}

describe("wrap", () => {
  it("links the chain once, however many calls are made", async () => {
    let linked = 0;
    const policy = definePolicy("counted", (next) => {
      linked++;
      return next;
    });
    const call = policy.wrap(async (request: number) => request * 2);
    expect([await call(1), await call(2), linked]).toEqual([2, 4, 1]);
  });

  it("hands the request and a context to the service", async () => {
    const call = identity.wrap(async (request: string, { key, attempt, signal }: Context) => [
      request,
      key,
      attempt,
      signal.aborted,
    ]);
    expect(await call("a", { key: "k" })).toEqual(["a", "k", 1, false]);
  });

  it.each<[string, () => unknown, Partial<Record<"value" | "error", unknown>>]>([
    [
      "throws at once",
      () => {
        throw down;
      },
      { error: down },
    ],
    ["returns no promise", () => 5, { value: 5 }],
    [
      "returns something like a promise",
      // biome-ignore lint/suspicious/noThenProperty: a promise of another library is such an object
      () => ({ then: (done: (value: number) => void) => done(6) }),
      { value: 6 },
    ],
    ["returns a promise", () => Promise.resolve(7), { value: 7 }],
  ])("makes a promise of a service that %s", async (_, service, seen) => {
    const call = caller(identity.wrap(service as Service<void, unknown>)());
    for (let step = 0; step < 10; step++) await undefined;
    expect(call.seen).toEqual(seen);
  });

  it.each([undefined, {}])(
    "makes a rejected promise of what a layer throws, with options %j",
    async (options) => {
      const bad = definePolicy("bad", () => () => {
        throw down;
      });
      await expect(bad.wrap(async () => "never")(undefined, options)).rejects.toBe(down);
    },
  );

  it("rejects a call whose options will not do", async () => {
    await expect(identity.execute(async () => "never", { deadline: "soon" as "1s" })).rejects.toThrow(
      "deadline must be a duration",
    );
  });

  it("calls nothing for a caller that has aborted already, and rejects with its reason", async () => {
    let calls = 0;
    const reason = { why: "gone" };
    await expect(
      compose(retry(), fallback<unknown>("never")).execute(async () => ++calls, {
        signal: AbortSignal.abort(reason),
      }),
    ).rejects.toBe(reason);
    expect(calls).toBe(0);
  });

  it("hands on a value that came although the caller had aborted", async () => {
    const controller = new AbortController();
    const { clock, origin, call } = stage(identity);
    const seen = call({ signal: controller.signal });
    controller.abort();
    origin.last.succeed("all the same");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "all the same" });
  });

  it("ends a call at the deadline that its caller gave, where no timeout does", async () => {
    const { clock, origin, sink, call } = stage(identity);
    const seen = call({ deadline: "1s" });
    await clock.advance(999);
    expect(seen.seen).toBe("nothing yet");
    await clock.advance(1);
    expect(seen.error).toMatchObject({ kind: "timeout", message: "no answer within 1000 ms" });
    expect(origin.last.context.signal.aborted).toBe(true);
    expect(sink.types).toEqual(["timeout.occurred", "request.failed"]);
    expect(clock.pending).toBe(0);
  });

  it("uses one timer for a deadline that a timeout looks after already", async () => {
    const { clock, call, origin } = stage(timeout("5s"));
    call({ deadline: "1s" });
    expect(clock.pending).toBe(1);
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(clock.pending).toBe(0);
  });
});

describe("execute", () => {
  it("runs an operation with the context, under the policy's own state", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: 1 });
    expect(await circuit.execute(async ({ key }) => key, { key: "k" })).toBe("k");
    await expect(circuit.execute(() => Promise.reject(down))).rejects.toBe(down);
    await expect(circuit.execute(async () => "never")).rejects.toMatchObject({ kind: "circuit-open" });
  });

  it("links the chain once for all operations", async () => {
    let linked = 0;
    const policy = definePolicy("counted", (next) => {
      linked++;
      return next;
    });
    await policy.execute(async () => 1);
    await policy.execute(async () => 2);
    expect(linked).toBe(1);
  });
});

describe("compose", () => {
  it("nests: the first sees the call first", async () => {
    const said: string[] = [];
    const policy = compose(passing("a", said), passing("b", said), passing("c", said));
    await policy.execute(async () => said.push("service"));
    expect(said).toEqual(["a", "b", "c", "service"]);
  });

  it.each([
    ["+", compose],
    ["|", orElse],
    ["&", race],
  ])("%s of nothing does nothing, and of one policy is that policy", async (_, join) => {
    const only = timeout(5);
    expect(join(only)).toBe(only);
    expect(join()).toBe(identity);
    expect(await join().execute(async () => 5)).toBe(5);
  });

  it("wrap refuses what is no service, when it links; execute what is no operation, by its promise", async () => {
    expect(() => retry().wrap(3 as never)).toThrow(
      new TypeError("wrap: service must be a function, but is 3"),
    );
    expect(() => retry().wrap(undefined as never)).toThrow("wrap: service must be a function");
    await expect(retry({ attempts: 1 }).execute(3 as never)).rejects.toThrow("operation is not a function");
  });

  it.each([
    ["compose", compose],
    ["orElse", orElse],
    ["race", race],
  ])("%s refuses what is no policy", (name, join) => {
    expect(() => join(retry as unknown as AnyPolicy)).toThrow(
      new TypeError(`${name}: argument 1 must be a policy such as retry(), but is function retry`),
    );
    expect(() => join(retry(), 5 as unknown as AnyPolicy)).toThrow(
      new TypeError(`${name}: argument 2 must be a policy such as retry(), but is 5`),
    );
  });

  it("describes itself as a flat list, though it was nested", () => {
    const described = describePolicy(compose(compose(retry(2), timeout(5)), compose(identity, identity)));
    expect(described).toEqual({
      operator: "+",
      operands: [
        { policy: "retry", arguments: [{ value: 2 }] },
        { policy: "timeout", arguments: [{ value: { duration: 5 } }] },
        { policy: "identity", arguments: [] },
        { policy: "identity", arguments: [] },
      ],
    });
  });
});

describe("orElse", () => {
  it("tries the next branch when one fails, and no further after a success", async () => {
    const { clock, origin, sink, call } = stage(orElse(by("a"), by("b"), by("c")));
    const seen = call();
    origin.last.fail(new TypeError("x"));
    await clock.advance(0);
    expect(seen.seen).toBe("nothing yet");
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "ok" });
    expect(origin.calls.map(({ request }) => request)).toEqual(["request 1 by a", "request 1 by b"]);
    expect(sink.events).toEqual([
      expect.objectContaining({ type: "fallback.used", kind: "TypeError" }),
      expect.objectContaining({ type: "request.succeeded", attempts: 2 }),
    ]);
    expect(clock.pending).toBe(0);
  });

  it("of one branch throws its error as it is", async () => {
    const { fail } = stage(orElse(by("a")));
    expect((await fail(down)).error).toBe(down);
  });

  it("throws all causes in order when all fail, flattened however it was nested", async () => {
    const errors = [1, 2, 3, 4].map((number) => new Error(String(number)));
    const { clock, origin, call } = stage(
      orElse(by("a"), compose(by("x"), orElse(by("b"), by("c"))), by("d")),
    );
    const seen = call();
    for (const error of errors) {
      origin.last.fail(error);
      await clock.advance(0);
    }
    expect(seen.error).toBeInstanceOf(AggregateError);
    expect((seen.error as AllFailedError).errors).toEqual(errors);
    expect(clock.pending).toBe(0);
  });

  it("goes past a failing value and discards it, but returns the last branch's", async () => {
    const discarded: unknown[] = [];
    const { clock, origin, sink, call } = stage(orElse(by("a"), by("b")), {
      classify: statuses,
      discard: (value) => discarded.push(value),
    });
    const seen = call();
    origin.last.succeed(500);
    await clock.advance(0);
    expect(discarded).toEqual([500]);
    origin.last.succeed(503);
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: 503 });
    expect(discarded).toEqual([500]);
    expect(sink.of("fallback.used")).toEqual([expect.objectContaining({ kind: "value" })]);
  });

  it("names a failing value among the causes where the last branch throws", async () => {
    const { clock, origin, call } = stage(orElse(by("a"), by("b")), { classify: statuses });
    const seen = call();
    origin.last.succeed(500);
    await clock.advance(0);
    origin.last.fail(down);
    await clock.advance(0);
    expect((seen.error as AllFailedError).errors).toEqual([500, down]);
  });

  it("tries the next branch when a policy refuses the call, or throws at once", async () => {
    const bad = definePolicy("bad", () => () => {
      throw down;
    });
    const { clock, origin, call } = stage(orElse(refuses(down), bad, by("c")));
    const seen = call();
    await clock.advance(0);
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "ok" });
    expect(origin.calls.length).toBe(1);
  });

  it("tries no further branch after the caller's abort", async () => {
    for (const how of ["fail", "succeed"] as const) {
      const { clock, origin, call } = stage(orElse(by("a"), by("b")), { classify: statuses });
      const controller = new AbortController();
      const seen = call({ signal: controller.signal });
      controller.abort("navigated");
      how === "fail" ? origin.last.fail(down) : origin.last.succeed(500);
      await clock.advance(0);
      expect(await seenBy(seen)).toEqual(how === "fail" ? { error: "navigated" } : { value: 500 });
      expect(origin.calls.length).toBe(1);
    }
  });

  it("timeout > orElse: tries no further branch when the time is over", async () => {
    const { clock, origin, call } = stage(compose(timeout("1s"), orElse(by("a"), by("b"))));
    const seen = call();
    origin.last.context.signal.addEventListener("abort", () => origin.last.fail(down));
    await clock.advance(1_000);
    expect(isRejected(seen.error, "timeout")).toBe(true);
    expect(origin.calls.length).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it("orElse > timeout: tries the next branch when the time is over", async () => {
    const { clock, origin, call } = stage(orElse(timeout("1s"), by("b")));
    const seen = call();
    await clock.advance(1_000);
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "ok" });
    expect(clock.pending).toBe(0);
  });

  it("sends a request that must not be repeated once, whatever comes of it", async () => {
    for (const how of ["fail", "succeed"] as const) {
      const { clock, origin, call } = stage(orElse(refuses(down), by("b"), by("c")), { classify: statuses });
      const seen = call({ repeatable: false });
      await clock.advance(0);
      how === "fail" ? origin.last.fail("late") : origin.last.succeed(500);
      await clock.advance(0);
      expect(origin.calls.map(({ request }) => request)).toEqual(["request 1 by b"]);
      if (how === "succeed") expect(seen.seen).toEqual({ value: 500 });
      else expect((seen.error as AllFailedError).errors).toEqual([down, "late"]);
    }
  });

  it("answers for a request that must not be repeated where it has not gone out", async () => {
    const { clock, origin, call } = stage(orElse(refuses(down), answer<unknown>("stale")));
    const seen = call({ repeatable: false });
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "stale" });
    expect(origin.calls.length).toBe(0);
  });
});

describe("orElse, once a request that must not be repeated has gone out", () => {
  const stale = answer<unknown>("stale");
  const withFallback = fallback<unknown>("stale") as AnyPolicy;
  const once = ["request 1 by a"];

  it.each<[string, Policy<unknown, never>]>([
    ["a | answer", orElse(by("a"), stale)],
    ["a | b | answer", orElse(by("a"), by("b"), stale)],
    ["fallback + a", compose(withFallback, by("a"))],
    ["a | (b | answer)", orElse(by("a"), orElse(by("b"), stale))],
    ["a | identity + (b | answer)", orElse(by("a"), compose(identity, orElse(by("b"), stale)))],
    ["a | retry + timeout + answer", orElse(by("a"), compose(retry(3), timeout("1s"), stale))],
    ["a | b + answer", orElse(by("a"), compose(by("b"), stale))],
    ["a | b & answer", orElse(by("a"), race(by("b"), stale))],
    ["a & b & answer", race(by("a"), by("b"), stale)],
    [
      "a | throws | answer",
      orElse(
        by("a"),
        answer<unknown>(() => Promise.reject("no")),
        stale,
      ),
    ],
  ])("goes on to what sends nothing: %s", async (_, policy) => {
    const { clock, origin, call } = stage(policy as AnyPolicy);
    const seen = call({ repeatable: false });
    origin.last.fail(down);
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "stale" });
    expect(origin.calls.map(({ request }) => request)).toEqual(once);
    expect(clock.pending).toBe(0);
  });

  it.each<[string, AnyPolicy]>([
    ["a | b", orElse(by("a"), by("b"))],
    ["a | b + c", orElse(by("a"), compose(by("b"), by("c")))],
    ["a | b & c", orElse(by("a"), race(by("b"), by("c")))],
    ["a | fallback of another chain", orElse(by("a"), by("b"), compose(by("c"), identity))],
  ])("goes to nothing else: %s", async (_, policy) => {
    const { clock, origin, sink, call } = stage(policy);
    const seen = call({ repeatable: false });
    origin.last.fail(down);
    await clock.advance(0);
    expect(seen.error).toBe(down);
    expect(origin.calls.map(({ request }) => request)).toEqual(once);
    expect(sink.types).not.toContain("fallback.used");
  });

  it("frees the failing value that it goes past, and says that it did", async () => {
    const discarded: unknown[] = [];
    const policy = orElse(by("a"), by("b"), stale) as AnyPolicy;
    const { clock, origin, sink, call } = stage(policy, {
      classify: statuses,
      discard: (value) => discarded.push(value),
    });
    const seen = call({ repeatable: false });
    origin.last.succeed(500);
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "stale" });
    expect(discarded).toEqual([500]);
    expect(sink.of("fallback.used").map(({ kind }) => kind)).toEqual(["value"]);
  });

  it("names every cause when the answer fails too", async () => {
    const policy = orElse(
      by("a"),
      by("b"),
      answer<unknown>(() => Promise.reject("none")),
    ) as AnyPolicy;
    const { clock, origin, call } = stage(policy);
    const seen = call({ repeatable: false });
    origin.last.fail(down);
    await clock.advance(0);
    expect((seen.error as AllFailedError).errors).toEqual([down, "none"]);
  });

  it("leaves a policy that calls twice of itself to do so", async () => {
    const twice = definePolicy("twice", (next) => (request, context) => {
      next(request, context).catch(() => {});
      return next(request, context);
    });
    const { clock, origin, call } = stage(compose(twice, orElse(by("a"), by("b"))));
    call({ repeatable: false });
    await clock.advance(0);
    expect(origin.calls.map(({ request }) => request)).toEqual(["request 1 by a", "request 1 by a"]);
  });
});

describe("race", () => {
  it("takes the first success, aborts the others and discards what they still return", async () => {
    const discarded: unknown[] = [];
    const { clock, origin, sink, call } = stage(race(by("a"), by("b"), by("c")), {
      discard: (value) => discarded.push(value),
    });
    const seen = call();
    const [a, b, c] = origin.calls;
    const signals = origin.calls.map(({ context }) => context.signal);
    expect(origin.calls.map(({ request }) => request)).toEqual(
      ["a", "b", "c"].map((name) => `request 1 by ${name}`),
    );
    b?.succeed("b");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "b" });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false, true]);
    expect(isRejected(signals[0]?.reason, "lost-race")).toBe(true);
    a?.succeed("a");
    c?.fail(down);
    await clock.advance(0);
    expect(discarded).toEqual(["a"]);
    expect(sink.types).toEqual(["request.succeeded"]);
    expect(sink.of("request.succeeded")[0]?.attempts).toBe(3);
    expect(clock.pending).toBe(0);
  });

  it("waits for a success while others fail, and discards their failing values", async () => {
    const discarded: unknown[] = [];
    const { clock, origin, call } = stage(race(by("a"), by("b"), by("c")), {
      classify: statuses,
      discard: (value) => discarded.push(value),
    });
    const seen = call();
    origin.calls[2]?.succeed(500);
    origin.calls[0]?.fail(down);
    await clock.advance(0);
    expect([seen.seen, discarded]).toEqual(["nothing yet", []]);
    origin.calls[1]?.succeed(200);
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: 200 });
    expect(discarded).toEqual([500]);
  });

  it("throws all causes in the order of its branches when all fail", async () => {
    const errors = [1, 2, 3].map((number) => new Error(String(number)));
    const { clock, origin, call } = stage(race(by("a"), race(by("b"), by("c"))));
    const seen = call();
    for (const index of [2, 0, 1]) origin.calls[index]?.fail(errors[index]);
    await clock.advance(0);
    expect((seen.error as AllFailedError).errors).toEqual(errors);
  });

  it("returns the last branch's failing value when all fail, and discards the others'", async () => {
    const discarded: unknown[] = [];
    const { clock, origin, call } = stage(race(by("a"), by("b"), by("c")), {
      classify: statuses,
      discard: (value) => discarded.push(value),
    });
    const seen = call();
    origin.calls[2]?.succeed(503);
    origin.calls[1]?.fail(down);
    origin.calls[0]?.succeed(500);
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: 503 });
    expect(discarded).toEqual([500]);
  });

  it("names failing values among the causes where the last branch throws", async () => {
    const { clock, origin, call } = stage(race(by("a"), by("b")), { classify: statuses });
    const seen = call();
    origin.calls[0]?.succeed(500);
    origin.calls[1]?.fail(down);
    await clock.advance(0);
    expect((seen.error as AllFailedError).errors).toEqual([500, down]);
  });

  it("of one branch throws its error as it is", async () => {
    const { fail } = stage(race(by("a")));
    expect((await fail(down)).error).toBe(down);
  });

  it("takes a branch that throws at once for one that failed", async () => {
    const bad = definePolicy("bad", () => () => {
      throw down;
    });
    const { clock, origin, call } = stage(race(bad, by("b")));
    const seen = call();
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "ok" });
  });

  it("passes the caller's abort to all branches", async () => {
    const { clock, origin, call } = stage(race(by("a"), by("b")));
    const controller = new AbortController();
    const seen = call({ signal: controller.signal });
    const signals = origin.calls.map(({ context }) => context.signal);
    controller.abort("navigated");
    expect(signals.map(({ reason }) => reason)).toEqual(["navigated", "navigated"]);
    for (const made of origin.calls) made.fail(down);
    await clock.advance(0);
    expect(seen.error).toBe("navigated");
  });

  it("runs the branches of a request that must not be repeated in turn, once", async () => {
    const { clock, origin, call } = stage(race(refuses(down), by("b"), by("c")));
    const seen = call({ repeatable: false });
    await clock.advance(0);
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "ok" });
    expect(origin.calls.length).toBe(1);
  });

  it("runs the branches of a request in turn that may be repeated but not run twice at once", async () => {
    const { clock, origin, call } = stage(race(by("b"), by("c")));
    const seen = call({ concurrent: false });
    expect(origin.calls.length).toBe(1);
    origin.last.fail(down);
    await clock.advance(0);
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "ok" });
  });

  it("race > circuitBreaker: a loser counts as neither failure nor success", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: 1 });
    const { clock, origin, call } = stage(race(compose(circuit, by("a")), by("b")));
    const seen = call();
    origin.calls[0]?.context.signal.addEventListener("abort", () => origin.calls[0]?.fail(down));
    origin.calls[1]?.succeed("ok");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "ok" });
    expect([circuit.state, circuit.snapshot().window.calls]).toEqual(["closed", 0]);
  });
});

describe("definePolicy", () => {
  it("describes a policy by its name, or as it is told", () => {
    const layer = <Q, S>(next: Service<Q, S>) => next;
    expect(describePolicy(definePolicy("mine", layer))).toEqual({ policy: "mine", arguments: [] });
    const description = { policy: "mine", arguments: [{ value: 1 }] };
    expect(describePolicy(definePolicy(description, layer))).toBe(description);
    expect(describePolicy(definePolicyFor<string, string>("theirs", (next) => next))).toEqual({
      policy: "theirs",
      arguments: [],
    });
  });
});
