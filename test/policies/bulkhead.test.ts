import {
  adaptive,
  adaptiveLimit,
  type BulkheadOptions,
  bulkhead,
  compose,
  definePolicy,
  isRejected,
  timeout,
} from "ninelives";
import { describe, expect, it } from "vitest";
import { stage } from "./stage.ts";

const down = new Error("down");

describe("bulkhead", () => {
  it("rejects past the limit, not before", async () => {
    const policy = bulkhead(2);
    const { clock, origin, sink, call } = stage(policy);
    const [, , third] = [call(), call(), call()];
    await clock.advance(0);
    expect(third?.error).toMatchObject({
      kind: "bulkhead-full",
      policy: "bulkhead",
      message: "all 2 slots and 0 places are taken",
    });
    expect(origin.calls.length).toBe(2);
    expect(sink.of("bulkhead.acquired").map(({ active }) => active)).toEqual([1, 2]);
    expect(sink.of("bulkhead.rejected")).toEqual([
      expect.objectContaining({ active: 2, limit: 2, queued: 0 }),
    ]);
    expect([policy.active, policy.queued]).toEqual([2, 0]);
    expect(clock.pending).toBe(0);
  });

  it.each(["succeed", "fail"] as const)("has a slot again when the service has settled: %s", async (how) => {
    const policy = bulkhead(1);
    const { clock, origin, call } = stage(policy);
    call();
    how === "succeed" ? origin.last.succeed("ok") : origin.last.fail(down);
    await clock.advance(0);
    expect(policy.active).toBe(0);
    const next = call();
    origin.last.succeed("next");
    await clock.advance(0);
    expect(next.seen).toEqual({ value: "next" });
    expect(clock.pending).toBe(0);
  });

  it("has a slot again when a layer further in throws at once", async () => {
    const bad = definePolicy("bad", () => () => {
      throw down;
    });
    const policy = bulkhead(1);
    const { clock, call } = stage(compose(policy, bad));
    const seen = [call(), call()];
    await clock.advance(0);
    expect(seen.map(({ error }) => error)).toEqual([down, down]);
    expect(policy.active).toBe(0);
  });

  it("timeout > bulkhead: keeps the slot until the service settles, not until its caller gave up", async () => {
    const policy = bulkhead(1);
    const { clock, origin, call } = stage(compose(timeout("1s"), policy));
    const first = call();
    await clock.advance(1_000);
    expect(isRejected(first.error, "timeout")).toBe(true);
    const second = call();
    await clock.advance(0);
    expect(isRejected(second.error, "bulkhead-full")).toBe(true);
    origin.last.succeed("late");
    await clock.advance(0);
    expect(policy.active).toBe(0);
    expect(origin.calls.length).toBe(1);
    expect(clock.pending).toBe(0);
  });

  describe("with a queue", () => {
    const queued = { limit: 1, queue: 2, maximumWait: "1s" } as const;

    it("lets calls in in their turn, and tells how long they waited", async () => {
      const policy = bulkhead(queued);
      const { clock, origin, sink, call } = stage(policy);
      const seen = [call(), call(), call()];
      expect([policy.active, policy.queued, origin.calls.length]).toEqual([1, 2, 1]);
      for (const made of [1, 2, 3]) {
        await clock.advance(100);
        origin.last.succeed(made);
        await clock.advance(0);
      }
      expect(seen.map((each) => each.seen)).toEqual([{ value: 1 }, { value: 2 }, { value: 3 }]);
      expect(origin.calls.map(({ request }) => request)).toEqual(["request 1", "request 2", "request 3"]);
      expect(sink.of("bulkhead.acquired").map(({ waited }) => waited)).toEqual([0, 100, 200]);
      expect([policy.active, policy.queued]).toEqual([0, 0]);
      expect(clock.pending).toBe(0);
    });

    it("rejects a call that finds no place", async () => {
      const { clock, origin, sink, call } = stage(bulkhead(queued));
      const [, , , fourth] = [call(), call(), call(), call()];
      await clock.advance(0);
      expect(fourth?.error).toMatchObject({ message: "all 1 slots and 2 places are taken" });
      expect(sink.of("bulkhead.rejected")).toEqual([expect.objectContaining({ queued: 2 })]);
      for (let made = 0; made < 3; made++) {
        origin.last.succeed("ok");
        await clock.advance(0);
      }
      expect(clock.pending).toBe(0);
    });

    it("rejects a call that waited too long, not before", async () => {
      const policy = bulkhead(queued);
      const { clock, origin, sink, call } = stage(policy);
      const [, waiting] = [call(), call()];
      await clock.advance(999);
      expect(waiting?.seen).toBe("nothing yet");
      await clock.advance(1);
      expect(waiting?.error).toMatchObject({ kind: "bulkhead-full", message: "no slot within 1000 ms" });
      expect(policy.queued).toBe(0);
      expect(sink.types).toContain("bulkhead.rejected");
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(origin.calls.length).toBe(1);
      expect(clock.pending).toBe(0);
    });

    it("says in whole milliseconds how long there was no slot", async () => {
      const { clock, origin, call } = stage(bulkhead(queued));
      call();
      const waiting = call({ deadline: 19.980330000000322 });
      await clock.advance(20);
      expect(waiting.error).toMatchObject({ message: "no slot within 20 ms" });
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(clock.pending).toBe(0);
    });

    it("lets a call wait no longer than its own deadline", async () => {
      const { clock, origin, call } = stage(bulkhead(queued));
      call();
      const waiting = call({ deadline: 300 });
      await clock.advance(300);
      expect(waiting.error).toMatchObject({ message: "no slot within 300 ms" });
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(clock.pending).toBe(0);
    });

    it("lets a call go at once when its caller aborts", async () => {
      const policy = bulkhead(queued);
      const { clock, origin, sink, call } = stage(policy);
      const controller = new AbortController();
      call();
      const [waiting, behind] = [call({ signal: controller.signal }), call()];
      controller.abort("navigated");
      await clock.advance(0);
      expect(waiting.error).toBe("navigated");
      expect(policy.queued).toBe(1);
      expect(sink.types).not.toContain("bulkhead.rejected");
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(origin.last.request).toBe("request 3");
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(behind.seen).toEqual({ value: "ok" });
      expect(clock.pending).toBe(0);
    });

    it("does not queue a call that was aborted before it came", async () => {
      const controller = new AbortController();
      const late = definePolicy("late", (next) => async (request, context) => {
        await undefined;
        return next(request, context);
      });
      const policy = bulkhead(queued);
      const { clock, origin, call } = stage(compose(late, policy));
      call();
      await clock.advance(0);
      const seen = call({ signal: controller.signal });
      controller.abort("gone");
      await clock.advance(0);
      expect(seen.error).toBe("gone");
      expect(policy.queued).toBe(0);
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(clock.pending).toBe(0);
    });

    it("rejects a waiting call whose turn comes when a layer further in throws at once", async () => {
      let bad = false;
      const moody = definePolicy("moody", (next) => (request, context) => {
        if (bad) throw down;
        return next(request, context);
      });
      const policy = bulkhead(queued);
      const { clock, origin, call } = stage(compose(policy, moody));
      const [, second, third] = [call(), call(), call()];
      bad = true;
      origin.last.succeed("ok");
      await clock.advance(0);
      expect([second?.error, third?.error]).toEqual([down, down]);
      expect([policy.active, policy.queued]).toEqual([0, 0]);
      expect(clock.pending).toBe(0);
    });

    it("lets the last that came enter first, if told so", async () => {
      const policy = bulkhead({ limit: 1, queue: 3, maximumWait: "1s", order: "lifo" });
      const { clock, origin, call } = stage(policy);
      const seen = [call(), call(), call(), call(), call()];
      await clock.advance(0);
      expect(seen[4]?.error).toMatchObject({ message: "all 1 slots and 3 places are taken" });
      for (let made = 0; made < 4; made++) {
        origin.last.succeed("ok");
        await clock.advance(0);
      }
      expect(origin.calls.map(({ request }) => request)).toEqual(
        [1, 4, 3, 2].map((call) => `request ${call}`),
      );
      expect(clock.pending).toBe(0);
    });

    describe("and priorities", () => {
      const ranked = (queue: number) =>
        bulkhead({ limit: 1, queue, maximumWait: "1s", priority: ({ key }) => Number(key ?? 0) });

      it("lets the highest enter first, and of equals the first that came", async () => {
        const { clock, origin, call } = stage(ranked(5));
        call();
        for (const key of ["1", "2", "1", "2", "3"]) call({ key });
        for (let made = 0; made < 6; made++) {
          origin.last.succeed("ok");
          await clock.advance(0);
        }
        expect(origin.calls.map(({ request }) => request)).toEqual(
          [1, 6, 3, 5, 2, 4].map((call) => `request ${call}`),
        );
        expect(clock.pending).toBe(0);
      });

      it("gives a place to a call of higher priority when the queue is full, and takes it from the last", async () => {
        const policy = ranked(2);
        const { clock, origin, sink, call } = stage(policy);
        const [, first, second] = [call(), call(), call()];
        const urgent = call({ key: "1" });
        await clock.advance(0);
        expect(second?.error).toMatchObject({
          kind: "bulkhead-full",
          message: "a call of higher priority took its place",
        });
        expect(sink.of("bulkhead.rejected").length).toBe(1);
        expect([first?.seen, urgent.seen]).toEqual(["nothing yet", "nothing yet"]);
        expect(policy.queued).toBe(2);
        const equal = call({ key: "0" });
        await clock.advance(0);
        expect(equal.error).toMatchObject({ message: "all 1 slots and 2 places are taken" });
        for (let made = 0; made < 3; made++) {
          origin.last.succeed("ok");
          await clock.advance(0);
        }
        expect(origin.calls.map(({ request }) => request)).toEqual(["request 1", "request 4", "request 2"]);
        expect(clock.pending).toBe(0);
      });

      it.each([
        ["bulkhead", bulkhead({ limit: 1, queue: 2, maximumWait: "1s" })],
        ["adaptiveLimit", adaptiveLimit({ initial: 1, maximum: 1, queue: 2, maximumWait: "1s" })],
      ])("goes by the call's own where %s has no option, and sheds the lowest first", async (_, policy) => {
        const { clock, origin, call } = stage(policy);
        const [, low, usual] = [call(), call({ priority: -1 }), call()];
        const urgent = call({ priority: 3 });
        await clock.advance(0);
        expect(low?.error).toMatchObject({ message: "a call of higher priority took its place" });
        const lowest = call({ priority: -4 });
        await clock.advance(0);
        expect(isRejected(lowest.error, "bulkhead-full")).toBe(true);
        for (let made = 0; made < 3; made++) {
          origin.last.succeed("ok");
          await clock.advance(0);
        }
        expect(origin.calls.map(({ request }) => request)).toEqual(["request 1", "request 4", "request 3"]);
        expect([urgent.seen, usual?.seen]).toEqual([{ value: "ok" }, { value: "ok" }]);
        expect(clock.pending).toBe(0);
      });

      it.each([Infinity, Number.NaN])(
        "refuses a call that must wait with a priority of %s",
        async (priority) => {
          const { clock, origin, call } = stage(bulkhead({ limit: 1, queue: 2, maximumWait: "1s" }));
          call();
          const odd = call({ priority });
          await clock.advance(0);
          expect(odd.error).toMatchObject({
            name: "RangeError",
            message: `priority must be a number from -1000000 to 1000000, but is ${priority}`,
          });
          expect(origin.calls).toHaveLength(1);
        },
      );

      it("goes by its option and not by the call's own where it has one", async () => {
        const { clock, call } = stage(ranked(1));
        call();
        const first = call({ key: "1", priority: 0 });
        const second = call({ key: "0", priority: 9 });
        await clock.advance(0);
        expect([first.seen, isRejected(second.error, "bulkhead-full")]).toEqual(["nothing yet", true]);
      });

      it("has no place to give where nothing may wait", async () => {
        const { clock, call } = stage(ranked(0));
        call();
        const urgent = call({ key: "9" });
        await clock.advance(0);
        expect(isRejected(urgent.error, "bulkhead-full")).toBe(true);
        expect(clock.pending).toBe(0);
      });

      it("rejects a call whose priority is none", async () => {
        const { clock, call } = stage(ranked(1));
        call();
        const odd = call({ key: "high" });
        await clock.advance(0);
        expect(odd.error).toMatchObject({
          name: "RangeError",
          message: "bulkhead: priority must be a number from -1000000 to 1000000, but is NaN",
        });
      });
    });

    it("does not let a late call pass those that wait", async () => {
      const { clock, origin, call } = stage(bulkhead({ limit: 1, queue: 5, maximumWait: "1s" }));
      call();
      call();
      origin.last.succeed("ok");
      await clock.advance(0);
      call();
      origin.last.succeed("ok");
      await clock.advance(0);
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(origin.calls.map(({ request }) => request)).toEqual(["request 1", "request 2", "request 3"]);
      expect(clock.pending).toBe(0);
    });
  });

  describe("with an adaptive limit", () => {
    it("that shrinks takes slots back as they come free", async () => {
      const limit = adaptive(3);
      const policy = bulkhead({ limit, queue: 5, maximumWait: "1m" });
      const { clock, origin, call } = stage(policy);
      for (let made = 0; made < 4; made++) call();
      limit.set(1);
      for (const [index, active] of [2, 1, 1, 0].entries()) {
        origin.calls[index]?.succeed("ok");
        await clock.advance(0);
        expect(policy.active).toBe(active);
      }
      expect(origin.calls.length).toBe(4);
      expect(clock.pending).toBe(0);
    });

    it("that grows lets in those that wait, before the next call", async () => {
      const limit = adaptive(1);
      const policy = bulkhead({ limit, queue: 5, maximumWait: "1m" });
      const { clock, origin, call } = stage(policy);
      for (let made = 0; made < 3; made++) call();
      limit.set(3);
      call();
      await clock.advance(0);
      expect(origin.calls.map(({ request }) => request)).toEqual(["request 1", "request 2", "request 3"]);
      expect([policy.active, policy.queued]).toEqual([3, 1]);
      for (let made = 0; made < 4; made++) {
        origin.calls[made]?.succeed("ok");
        await clock.advance(0);
      }
      expect(origin.calls.length).toBe(4);
      expect(clock.pending).toBe(0);
    });

    it("that grows lets in at once those that wait, though nobody calls or ends", async () => {
      const limit = adaptive(1);
      const policy = bulkhead({ limit, queue: 5, maximumWait: "1m" });
      const { clock, origin, sink, call } = stage(policy);
      const seen = [call(), call(), call(), call()];
      await clock.advance(50);
      limit.set(3);
      expect([policy.active, policy.queued]).toEqual([3, 1]);
      await clock.advance(0);
      expect(origin.calls.length).toBe(3);
      expect(sink.of("bulkhead.acquired").map(({ limit }) => limit)).toEqual([1, 3, 3]);
      limit.set(1);
      limit.set(4);
      expect([policy.active, policy.queued]).toEqual([4, 0]);
      await clock.advance(0);
      for (const made of origin.calls) made.succeed("ok");
      await clock.advance(0);
      expect(seen.map((each) => each.seen)).toEqual([1, 2, 3, 4].map(() => ({ value: "ok" })));
      expect(policy.active).toBe(0);
      expect(clock.pending).toBe(0);
    });

    it("is listened to only while somebody waits", async () => {
      let listeners = 0;
      const limit = adaptive(1);
      const { subscribe } = limit;
      limit.subscribe = (listener) => {
        listeners++;
        const stop = subscribe.call(limit, listener);
        return () => {
          listeners--;
          stop();
        };
      };
      const { clock, origin, call } = stage(bulkhead({ limit, queue: 5, maximumWait: "1s" }));
      call();
      expect(listeners).toBe(0);
      call();
      call();
      expect(listeners).toBe(1);
      await clock.advance(1_000);
      expect(listeners).toBe(0);
      call();
      expect(listeners).toBe(1);
      limit.set(2);
      expect(listeners).toBe(0);
      for (const made of origin.calls) made.succeed("ok");
      await clock.advance(0);
      expect(clock.pending).toBe(0);
    });

    it("rejects a waiting call whose limit cannot be told, and lets the next one in", async () => {
      let broken = false;
      const policy = bulkhead({
        limit: ({ key }) => (broken && key === "odd" ? 0 : 1),
        queue: 5,
        maximumWait: "1s",
      });
      const { clock, origin, call } = stage(policy);
      const [, odd, next] = [call(), call({ key: "odd" }), call()];
      broken = true;
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(odd?.error).toMatchObject({
        message: "bulkhead: limit must be a whole number of at least 1, but is 0",
      });
      expect(origin.last.request).toBe("request 3");
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(next?.seen).toEqual({ value: "ok" });
      expect(clock.pending).toBe(0);
    });

    it("refuses what will not do, and keeps the limit in force", () => {
      const limit = adaptive(2);
      bulkhead({ limit });
      expect(() => limit.set(0)).toThrow("bulkhead: limit must be a whole number of at least 1, but is 0");
      expect(limit.get()).toBe(2);
    });
  });

  it("with a limit that is a function, which nobody can listen to, lets in who waits before a later call", async () => {
    let limit = 1;
    const policy = bulkhead({ limit: () => limit, queue: 5, maximumWait: "1s" });
    const { clock, origin, call } = stage(policy);
    call();
    call();
    limit = 2;
    call();
    await clock.advance(0);
    expect(origin.calls.map(({ request }) => request)).toEqual(["request 1", "request 2"]);
    expect([policy.active, policy.queued]).toEqual([2, 1]);
    for (let made = 0; made < 3; made++) {
      origin.calls[made]?.succeed("ok");
      await clock.advance(0);
    }
    expect(origin.last.request).toBe("request 3");
    expect(clock.pending).toBe(0);
  });

  it("passes on a slot that comes as its caller gives up", async () => {
    const policy = bulkhead({ limit: 1, queue: 2, maximumWait: "1m" });
    const { clock, origin, call } = stage(policy);
    const held = Promise.withResolvers<void>();
    policy.execute(() => held.promise);
    const controller = new AbortController();
    const [given, next] = [call({ signal: controller.signal }), call()];
    held.resolve();
    // Until the slot is free, and not until who waited for it has heard of it.
    while (policy.queued === 2) await Promise.resolve();
    controller.abort("navigated");
    await clock.advance(0);
    expect(given.error).toBe("navigated");
    expect(origin.calls.map(({ request }) => request)).toEqual(["request 2"]);
    origin.last.succeed("ok");
    await clock.advance(0);
    expect([next?.seen, policy.active, policy.queued]).toEqual([{ value: "ok" }, 0, 0]);
    expect(clock.pending).toBe(0);
  });

  it("works under a sink that listens and under none", async () => {
    const policy = bulkhead(1);
    const results = await Promise.allSettled([
      policy.execute(async () => "ok"),
      policy.execute(async () => "not ok"),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(policy.active).toBe(0);
  });

  it("is shared by all services that are wrapped with it", async () => {
    const policy = bulkhead(1);
    const [first, second] = [policy.wrap(() => new Promise(() => {})), policy.wrap(async () => "ok")];
    first(undefined);
    await expect(second(undefined)).rejects.toMatchObject({ kind: "bulkhead-full" });
  });

  it.each<[BulkheadOptions | number, string]>([
    [0, "bulkhead: limit must be a whole number of at least 1, but is 0"],
    [
      { limit: 1, queue: -1, maximumWait: "1s" },
      "bulkhead: queue must be a whole number of at least 0, but is -1",
    ],
    [{ limit: 1, queue: 1, maximumWait: -1 }, "bulkhead: maximumWait must be a duration"],
    [{ limit: 1, queue: 1 }, "bulkhead: maximumWait is required with a queue: nothing may wait for ever"],
    [{ limit: 1, queue: () => 1 }, "maximumWait is required"],
    [{ limit: 1, order: "random" as "fifo" }, 'bulkhead: order must be one of fifo, lifo, but is "random"'],
    [{ limit: 1, priority: Infinity }, "bulkhead: priority must be a number from -1000000 to 1000000"],
    [
      { limit: 1, size: 2 } as BulkheadOptions,
      'bulkhead has no option "size"; it has limit, queue, maximumWait, order, priority',
    ],
    [{} as BulkheadOptions, "bulkhead: limit must be a whole number of at least 1, but is undefined"],
    [undefined as never, "bulkhead: limit must be a whole number of at least 1, but is undefined"],
    ["3" as never, 'bulkhead: limit must be a whole number of at least 1, but is "3"'],
    [
      null as never,
      "bulkhead must be an object with limit, queue, maximumWait, order, priority, but is null",
    ],
  ])("refuses %j when it is made", (options, message) => {
    expect(() => bulkhead(options)).toThrow(message);
  });

  it("takes an adaptive limit or a function without its name", async () => {
    const limit = adaptive(1);
    const { call, origin } = stage(bulkhead(limit));
    call();
    limit.set(2);
    call();
    expect(origin.calls.length).toBe(2);
    const other = stage(bulkhead(() => 1));
    other.call();
    other.call();
    expect(other.origin.calls.length).toBe(1);
  });

  it.each([
    ["maximumWait", { maximumWait: "1s" }],
    ["order", { order: "lifo" }],
    ["priority", { priority: 1 }],
  ] as const)("refuses %s without a queue: it would do nothing", (name, options) => {
    const message = `bulkhead: ${name} does nothing without a queue`;
    expect(() => bulkhead({ limit: 1, ...options })).toThrow(new TypeError(message));
    expect(bulkhead({ limit: 1, queue: 0, ...options }).queued).toBe(0);
  });

  it("needs no maximumWait where nothing can wait", () => {
    expect(bulkhead({ limit: 1, queue: 0 }).queued).toBe(0);
  });
});
