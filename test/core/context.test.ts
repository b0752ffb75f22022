import { compose, definePolicy, environment, keyed, type Context as Public, timeout } from "ninelives";
import { ManualClock, recordingSink } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { Context } from "../../src/core/context.ts";
import { platform } from "../../src/core/platform.ts";
import { caller } from "../policies/stage.ts";

const on = (clock: ManualClock, options?: Parameters<typeof Context.begin>[0]): Context =>
  Context.begin(options).within({ ...platform, clock });

describe("Context", () => {
  it("of a bare call has no deadline, no key, and may be repeated", () => {
    const context = Context.begin();
    expect(context).toMatchObject({ deadline: Infinity, attempt: 1, bounded: false });
    expect([context.key, context.repeatable, context.sends, context.maySend]).toEqual([
      undefined,
      true,
      0,
      true,
    ]);
    expect([context.observed, context.remaining()]).toEqual([false, Infinity]);
    expect(context.environment).toBe(platform);
  });

  it("takes what the caller says", () => {
    const { signal } = new AbortController();
    const clock = new ManualClock();
    const context = on(clock, { signal, deadline: "2s", key: "tenant", repeatable: false });
    expect(context.signal).toBe(signal);
    expect([context.key, context.repeatable, context.deadline, context.remaining()]).toEqual([
      "tenant",
      false,
      2_000,
      2_000,
    ]);
    expect(() => Context.begin({ deadline: "soon" as "1s" })).toThrow("deadline must be a duration");
  });

  it("takes a priority, which calls within it inherit unless they say otherwise", () => {
    expect(Context.begin().priority).toBeUndefined();
    expect(Context.begin({ priority: 0 }).priority).toBe(0);
    const context = Context.begin({ priority: -2 });
    expect(context.withAttempt(2).fork().priority).toBe(-2);
    expect(Context.begin(context).priority).toBe(-2);
    expect(Context.begin({ context, priority: 5 }).priority).toBe(5);
  });

  it("takes a null signal, as fetch does, for none", () => {
    expect(Context.begin({ signal: null }).leg.aborted).toBe(false);
  });

  it("has no more than nothing left after its deadline", async () => {
    const clock = new ManualClock();
    const context = on(clock, { deadline: 100 });
    await clock.advance(60);
    expect(context.remaining()).toBe(40);
    await clock.advance(60);
    expect(context.remaining()).toBe(0);
  });

  it("measures what the caller allowed by each clock in full, and what is left of less by what is left", async () => {
    const [first, second] = [new ManualClock(), new ManualClock()];
    await second.advance(5_000);
    const context = on(first, { deadline: 1_000 });
    await first.advance(300);
    expect(context.within({ ...platform, clock: second }).deadline).toBe(5_700);
    expect(context.bound(500).within({ ...platform, clock: second }).deadline).toBe(5_200);
    expect(context.within({ ...platform, clock: first }).deadline).toBe(1_000);
    expect(Context.begin().within({ ...platform, clock: second }).deadline).toBe(Infinity);
  });

  it("of a part of a call hears the call's signal, and has its deadline and key unless its own are stricter", () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const outer = on(clock, { signal: controller.signal, deadline: 1_000, key: "a" });
    const inner = Context.begin(outer);
    const strict = Context.begin({ context: outer, deadline: 300, key: "b" });
    const lax = Context.begin({ context: outer, deadline: 3_000 });
    expect([inner.deadline, strict.deadline, lax.deadline]).toEqual([1_000, 300, 1_000]);
    expect([inner.key, strict.key]).toEqual(["a", "b"]);
    expect(inner.environment).toBe(outer.environment);
    controller.abort("x");
    expect([inner, strict, lax].map(({ leg }) => leg.reason)).toEqual(["x", "x", "x"]);
  });

  it("of a part of a call is bounded where the call is, unless it must end before", () => {
    const clock = new ManualClock();
    const bounded = on(clock).bound(1_000);
    expect(Context.begin(bounded).bounded).toBe(true);
    expect(Context.begin({ context: bounded, deadline: 300 }).bounded).toBe(false);
    const unbounded = on(clock, { deadline: 1_000 });
    expect(Context.begin(unbounded).bounded).toBe(false);
  });

  it("of a part of a call counts its own sends", () => {
    const outer = Context.begin({ repeatable: false });
    outer.call.sends++;
    expect([outer.sends, outer.maySend]).toEqual([1, false]);
    const inner = Context.begin(outer);
    expect([inner.sends, inner.maySend, inner.repeatable]).toEqual([0, true, true]);
  });

  it("is derived and never changed", () => {
    const context = Context.begin({ deadline: 1_000, key: "a" });
    const attempt = context.withAttempt(2);
    const fork = attempt.fork();
    const bounded = fork.bound(0);
    expect([context, attempt, fork, bounded].map((each) => each.attempt)).toEqual([1, 2, 2, 2]);
    expect([context, attempt, fork, bounded].map((each) => each.bounded)).toEqual([
      false,
      false,
      false,
      true,
    ]);
    expect([attempt.deadline, fork.deadline, bounded.deadline]).toEqual([
      context.deadline,
      context.deadline,
      0,
    ]);
    expect(bounded.bound(500).deadline).toBe(0);
    fork.leg.abort("lost");
    expect([context, attempt, fork, bounded].map(({ leg }) => leg.aborted)).toEqual([
      false,
      false,
      true,
      true,
    ]);
    bounded.call.sends++;
    expect(context.sends).toBe(1);
  });

  it("may be under way twice at once unless it says otherwise, or must not be repeated at all", () => {
    const concurrent = (options?: Parameters<typeof Context.begin>[0]) => Context.begin(options).concurrent;
    expect([concurrent(), concurrent({}), concurrent({ concurrent: true })]).toEqual([true, true, true]);
    expect([concurrent({ concurrent: false }), concurrent({ repeatable: false })]).toEqual([false, false]);
    expect(concurrent({ concurrent: true, repeatable: false })).toBe(false);
    expect(Context.begin({ concurrent: false }).repeatable).toBe(true);
  });

  it("remembers over its attempts what the last of them came to", () => {
    const context = Context.begin();
    expect(context.cause).toBeUndefined();
    context.withAttempt(1).call.cause = "down";
    expect([context.cause, context.withAttempt(2).cause]).toEqual(["down", "down"]);
    expect(Context.begin({ context }).cause).toBeUndefined();
  });

  it("is told inward, and only inward, whether the request may be sent again", () => {
    const context = on(new ManualClock(), { repeatable: false });
    const inner = context.withRepeatable(true);
    const further = [
      inner.withAttempt(2),
      inner.fork(),
      inner.detach(),
      inner.bound(5),
      inner.within({ ...platform, clock: new ManualClock() }),
    ];
    expect(further.map(({ repeatable }) => repeatable)).toEqual(further.map(() => true));
    inner.call.sends++;
    expect([context.repeatable, context.sends, context.maySend]).toEqual([false, 1, false]);
    expect([inner.maySend, inner.withRepeatable(false).maySend]).toEqual([true, false]);
    // Another call within this one is another request.
    expect(Context.begin({ context: inner, repeatable: false }).repeatable).toBe(false);
    expect(Context.begin({ context: inner.withRepeatable(false) }).repeatable).toBe(true);
  });

  describe("emit", () => {
    it("stamps an event with the policy's name, the wall clock and the key", async () => {
      const clock = new ManualClock({ wall: 1_000 });
      const sink = recordingSink();
      await clock.advance(5);
      const world = { ...platform, clock, sink, name: "shop" };
      Context.begin({ key: "k" }).within(world).emit({ type: "timeout.occurred", after: 1 });
      Context.begin().within(world).emit({ type: "timeout.occurred", after: 2 });
      expect(sink.events).toEqual([
        { type: "timeout.occurred", after: 1, policy: "shop", at: 1_005, key: "k" },
        { type: "timeout.occurred", after: 2, policy: "shop", at: 1_005 },
      ]);
    });

    it("stamps an event with the trace, and with the span that was sent last", () => {
      const sink = recordingSink();
      const world = { ...platform, sink };
      const trace = { traceId: "a".repeat(32), spanId: "b".repeat(16), sampled: true };
      const context = Context.begin({ trace }).within(world);
      context.emit({ type: "cache.missed" });
      context.call.trace = { ...trace, spanId: "c".repeat(16) };
      context.withAttempt(2).emit({ type: "cache.missed" });
      const part = Context.begin({ context });
      part.emit({ type: "cache.missed" });
      Context.begin().within(world).emit({ type: "cache.missed" });
      expect(sink.events.map(({ traceId, spanId }) => [traceId?.[0], spanId?.[0]])).toEqual([
        ["a", "b"],
        ["a", "c"],
        ["a", "c"],
        [undefined, undefined],
      ]);
      expect(part.trace).toEqual({ ...trace, spanId: "c".repeat(16) });
      expect(Context.begin({ context, trace }).trace).toBe(trace);
    });

    it("stamps no span where a trace has none yet", () => {
      const sink = recordingSink();
      const trace = { traceId: "a".repeat(32), sampled: false };
      const context = Context.begin({ trace }).within({ ...platform, sink });
      context.emit({ type: "cache.missed" });
      expect(sink.events[0]?.spanId).toBeUndefined();
    });

    it("tells nobody where nobody listens, and does not throw where the sink does", () => {
      expect(() => Context.begin().emit({ type: "timeout.occurred", after: 1 })).not.toThrow();
      const sink = {
        emit() {
          throw new Error("sink");
        },
      };
      const context = Context.begin().within({ ...platform, sink });
      expect(context.observed).toBe(true);
      expect(() => context.emit({ type: "timeout.occurred", after: 1 })).not.toThrow();
    });
  });

  describe("sleep", () => {
    it("ends when the time is over, not before", async () => {
      const clock = new ManualClock();
      const asleep = caller(on(clock).sleep(100));
      await clock.advance(99);
      expect(asleep.seen).toBe("nothing yet");
      await clock.advance(1);
      expect(asleep.seen).toEqual({ value: undefined });
      expect(clock.pending).toBe(0);
    });

    it("ends at once with the caller's reason, and leaves no timer", async () => {
      const clock = new ManualClock();
      const controller = new AbortController();
      const context = on(clock, { signal: controller.signal });
      const asleep = caller(context.sleep(100));
      controller.abort("up");
      await clock.advance(0);
      expect(asleep.error).toBe("up");
      expect(clock.pending).toBe(0);
      const again = caller(context.sleep(100));
      await clock.advance(0);
      expect(again.error).toBe("up");
      expect(clock.pending).toBe(0);
    });

    it("no longer listens to the caller when it is over", async () => {
      const clock = new ManualClock();
      const controller = new AbortController();
      const asleep = caller(on(clock, { signal: controller.signal }).sleep(100));
      await clock.advance(100);
      controller.abort("late");
      await clock.advance(0);
      expect(asleep.seen).toEqual({ value: undefined });
    });
  });

  it("is passed on by nested calls: the outer timeout and key reach the inner service", async () => {
    const clock = new ManualClock();
    const keys: (string | undefined)[] = [];
    const inner = compose(
      keyed(() => timeout("1m")),
      definePolicy("noted", (next) => (request, context) => {
        keys.push(context.key);
        return next(request, context);
      }),
    );
    let seen: AbortSignal | undefined;
    const outer = compose(environment({ clock }), timeout("1s"));
    const call = caller(
      outer.execute(
        (context: Public) =>
          inner.execute(({ signal }) => {
            seen = signal;
            return new Promise(() => {});
          }, context),
        { key: "tenant" },
      ),
    );
    await clock.advance(1_000);
    expect(call.error).toMatchObject({ kind: "timeout", message: "no answer within 1000 ms" });
    expect(seen?.aborted).toBe(true);
    expect(keys).toEqual(["tenant"]);
    expect(clock.pending).toBe(0);
  });
});
