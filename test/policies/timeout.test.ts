import { adaptive, compose, definePolicy, isRejected, retry, timeout } from "ninelives";
import { describe, expect, it } from "vitest";
import { caller, stage } from "./stage.ts";

const down = new Error("down");

describe("timeout", () => {
  it("rejects when the time is over, not before, and aborts the service", async () => {
    const { clock, origin, sink, call } = stage(timeout("1s"));
    const seen = call();
    const { signal } = origin.last.context;
    await clock.advance(999);
    expect(seen.seen).toBe("nothing yet");
    expect(signal.aborted).toBe(false);
    await clock.advance(1);
    expect(seen.error).toMatchObject({
      name: "RejectedError",
      kind: "timeout",
      policy: "timeout",
      message: "no answer within 1000 ms",
    });
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBe(seen.error);
    expect(sink.types).toEqual(["timeout.occurred", "request.failed"]);
    expect(sink.of("timeout.occurred")[0]?.after).toBe(1_000);
    expect(sink.of("request.failed")[0]?.kind).toBe("timeout");
    expect(clock.pending).toBe(0);
  });

  it.each([
    ["value", "ok"],
    ["error", down],
  ] as const)("hands on the %s of a service that answers in time", async (kind, result) => {
    const { clock, origin, call } = stage(timeout("1s"));
    const seen = call();
    await clock.advance(999);
    kind === "value" ? origin.last.succeed(result) : origin.last.fail(result);
    await clock.advance(0);
    expect(seen.seen).toEqual({ [kind]: result });
    expect(clock.pending).toBe(0);
    await clock.advance(1_000);
    expect(origin.last.context.signal.aborted).toBe(false);
  });

  it("rejects at once with what the caller aborts with, though the service does not listen", async () => {
    const { clock, origin, sink, call } = stage(timeout("1s"));
    const controller = new AbortController();
    const seen = call({ signal: controller.signal });
    const { signal } = origin.last.context;
    controller.abort("navigated");
    await clock.advance(0);
    expect(seen.error).toBe("navigated");
    expect(signal.reason).toBe("navigated");
    expect(sink.types).toEqual(["request.aborted"]);
    expect(clock.pending).toBe(0);
  });

  it("discards what the service returns all the same, after the time or after the abort", async () => {
    const discarded: unknown[] = [];
    const { clock, origin, call } = stage(timeout("1s"), { discard: (value) => discarded.push(value) });
    const controller = new AbortController();
    call({ signal: controller.signal });
    controller.abort();
    call();
    await clock.advance(1_000);
    origin.calls[0]?.succeed("late 1");
    origin.calls[1]?.succeed("late 2");
    await clock.advance(0);
    expect(discarded).toEqual(["late 1", "late 2"]);
    expect(clock.pending).toBe(0);
  });

  it("lets a service fail after the time without an unhandled rejection", async () => {
    const { clock, origin, call } = stage(timeout("1s"));
    const seen = call();
    await clock.advance(1_000);
    origin.last.fail(down);
    await clock.advance(0);
    expect(isRejected(seen.error, "timeout")).toBe(true);
  });

  it("calls nothing when no time is left", async () => {
    const { clock, origin, call } = stage(timeout("1s"));
    const seen = call({ deadline: 0 });
    await clock.advance(0);
    expect(seen.error).toMatchObject({ kind: "timeout", message: "no time left" });
    const never = stage(timeout(0));
    const other = never.call();
    await never.clock.advance(0);
    expect(isRejected(other.error, "timeout")).toBe(true);
    expect([origin.calls.length, never.origin.calls.length]).toEqual([0, 0]);
    expect([clock.pending, never.clock.pending]).toEqual([0, 0]);
  });

  it("rejects with the caller's reason when it was aborted before the policy was reached", async () => {
    const controller = new AbortController();
    const late = definePolicy("late", (next) => async (request, context) => {
      await undefined;
      controller.abort("too late");
      return next(request, context);
    });
    const { clock, origin, call } = stage(compose(late, timeout("1s")));
    const seen = call({ signal: controller.signal });
    await clock.advance(0);
    expect(seen.error).toBe("too late");
    expect(origin.calls.length).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it("rejects with what a layer further in throws at once", async () => {
    const bad = definePolicy("bad", () => () => {
      throw down;
    });
    const { clock, call } = stage(compose(timeout("1s"), bad));
    const seen = call();
    await clock.advance(0);
    expect(seen.error).toBe(down);
    expect(clock.pending).toBe(0);
  });

  it.each([true, false])(
    "timeout > timeout: the shorter one strikes (shared timers: %s)",
    async (sharesTimers) => {
      for (const [outer, inner] of [
        [300, 500],
        [500, 300],
      ] as const) {
        const { clock, origin, sink, call } = stage(compose(timeout(outer), timeout(inner)), {
          sharesTimers,
        });
        const seen = call();
        expect(origin.last.context.deadline).toBe(300);
        await clock.advance(299);
        expect(seen.seen).toBe("nothing yet");
        await clock.advance(1);
        expect(seen.error).toMatchObject({ kind: "timeout", message: "no answer within 300 ms" });
        expect(sink.types.filter((type) => type === "timeout.occurred").length).toBe(1);
        expect(clock.pending).toBe(0);
      }
    },
  );

  it("retry > timeout: bounds each attempt", async () => {
    const { clock, origin, call } = stage(compose(retry(2), timeout("1s")), { random: () => 0 });
    const seen = call();
    await clock.advance(1_000);
    expect(origin.calls.length).toBe(2);
    await clock.advance(999);
    expect(seen.seen).toBe("nothing yet");
    expect(origin.calls.map(({ context }) => context.signal.aborted)).toEqual([true, false]);
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "ok" });
    expect(clock.pending).toBe(0);
  });

  it("timeout > retry: bounds all attempts and the waits between", async () => {
    const { clock, origin, call } = stage(compose(timeout("1s"), retry(5)), { random: () => 0.999 });
    const seen = call();
    origin.last.fail(down);
    await clock.advance(100);
    origin.last.fail(down);
    await clock.advance(200);
    expect(origin.calls.length).toBe(3);
    await clock.advance(700);
    expect(isRejected(seen.error, "timeout")).toBe(true);
    expect(origin.last.context.signal.aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it("one call's time does not touch another's", async () => {
    const { clock, origin, call } = stage(timeout("1s"));
    const first = call();
    await clock.advance(600);
    const second = call();
    await clock.advance(400);
    expect(isRejected(first.error, "timeout")).toBe(true);
    expect(second.seen).toBe("nothing yet");
    expect(origin.last.context.signal.aborted).toBe(false);
    await clock.advance(600);
    expect(isRejected(second.error, "timeout")).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it("takes a function of the context, and an adaptive value from the next call on", async () => {
    const after = adaptive<number>(500);
    const { clock, call } = stage(
      compose(
        timeout(({ key }) => (key === "slow" ? "2s" : "1s")),
        timeout(after),
      ),
    );
    const before = call();
    after.set(5_000);
    expect(() => after.set(-1)).toThrow("timeout: after");
    const [usual, slow] = [call(), call({ key: "slow" })];
    await clock.advance(500);
    expect(isRejected(before.error, "timeout")).toBe(true);
    await clock.advance(500);
    expect(isRejected(usual.error, "timeout")).toBe(true);
    await clock.advance(999);
    expect(slow.seen).toBe("nothing yet");
    await clock.advance(1);
    expect(isRejected(slow.error, "timeout")).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it("rejects a call for which its function gives no duration", async () => {
    const seen = caller(timeout(() => -1).execute(async () => "ok"));
    await Promise.resolve().then();
    expect(seen.error).toMatchObject({ name: "RangeError" });
  });

  it("refuses what is no duration when it is made", () => {
    expect(() => timeout("soon" as "1s")).toThrow('timeout: after must be a duration such as 250, "250ms"');
  });

  it("has one listener on the caller's signal during the call and none after it", async () => {
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    const { clock, origin, call } = stage(timeout("1s"));
    for (const end of ["succeed", "fail", "expire"] as const) {
      call({ signal });
      expect(origin.last.context.signal).not.toBe(signal);
      expect(listeners).toBe(1);
      if (end !== "expire") origin.last[end](down);
      await clock.advance(1_000);
      expect(listeners).toBe(0);
    }
    expect(clock.pending).toBe(0);
  });
});
