import {
  compose,
  definePolicy,
  type EnvironmentOptions,
  environment,
  type Outcome,
  orElse,
  retry,
  timeout,
  type Verdict,
} from "ninelives";
import { ManualClock, recordingSink } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { cancelBody, platform } from "../../src/core/platform.ts";
import { caller, stage } from "../policies/stage.ts";

const down = new Error("down");
const classify = (outcome: Outcome): Verdict => ({
  kind: "value" in outcome && outcome.value === 200 ? "success" : "failure",
  retryable: false,
});

describe("environment", () => {
  it("tells how a call ended, how long it took and how often it went out", async () => {
    const { clock, origin, sink, call } = stage(retry(2), { random: () => 0, name: "shop", classify });
    call();
    await clock.advance(30);
    origin.last.succeed(200);
    await clock.advance(0);
    call();
    await clock.advance(40);
    origin.last.succeed(503);
    await clock.advance(0);
    call();
    await clock.advance(50);
    origin.last.fail(new TypeError("x"));
    await clock.advance(0);
    const controller = new AbortController();
    call({ signal: controller.signal, key: "k" });
    await clock.advance(60);
    controller.abort();
    origin.last.fail(down);
    await clock.advance(0);
    const stamp = { policy: "shop", at: expect.any(Number), attempts: 1 };
    expect(sink.events).toEqual([
      { type: "request.succeeded", duration: 30, ...stamp },
      { type: "request.failed", duration: 40, kind: "value", ...stamp },
      { type: "request.failed", duration: 50, kind: "TypeError", ...stamp },
      { type: "request.aborted", duration: 60, key: "k", ...stamp },
    ]);
    expect(clock.pending).toBe(0);
  });

  it("tells of a layer that throws at once, too", async () => {
    const bad = definePolicy("bad", () => () => {
      throw down;
    });
    const { clock, sink, call } = stage(bad);
    const seen = call();
    await clock.advance(0);
    expect(seen.error).toBe(down);
    expect(sink.events).toEqual([
      {
        type: "request.failed",
        duration: 0,
        attempts: 0,
        kind: "Error",
        policy: "default",
        at: clock.wall(),
      },
    ]);
  });

  it("leaves what it does not name as it is around it", async () => {
    const clock = new ManualClock();
    const [outer, inner] = [recordingSink(), recordingSink()];
    let seen: unknown;
    const policy = compose(
      environment({ clock, sink: outer, name: "outer" }),
      environment({ sink: inner, name: "inner" }),
      definePolicy("look", (next) => (request, context) => {
        seen = context.environment;
        return next(request, context);
      }),
    );
    await policy.execute(async () => "ok");
    expect(seen).toEqual({ ...platform, clock, sink: inner, name: "inner" });
    expect([outer.types, inner.types]).toEqual([["request.succeeded"], ["request.succeeded"]]);
    expect([outer.events[0]?.policy, inner.events[0]?.policy]).toEqual(["outer", "inner"]);
  });

  it("without a sink of its own tells nothing", async () => {
    const sink = recordingSink();
    const policy = compose(environment({ sink }), environment({ name: "quiet" }));
    await policy.execute(async () => "ok");
    expect(sink.types).toEqual(["request.succeeded"]);
  });

  it("of a nested call stands in its own place each time", async () => {
    const names: string[] = [];
    const named = environment({ name: "named" });
    const look = definePolicy("look", (next) => (request, context) => {
      names.push(`${context.environment.name} on ${context.environment.clock === platform.clock}`);
      return next(request, context);
    });
    const policy = compose(named, look);
    const clock = new ManualClock();
    const around = compose(
      environment({ clock }),
      definePolicy("other", (next) => next),
    );
    await policy.execute(async () => 1);
    await around.execute((context) => policy.execute(async () => 1, context));
    await policy.execute(async () => 1);
    expect(names).toEqual(["named on true", "named on false", "named on true"]);
  });

  it("refuses an option that does not exist", () => {
    expect(() => environment({ clocks: 1 } as EnvironmentOptions)).toThrow(
      'environment has no option "clocks"; it has name, clock, sink, random, classify, discard, waitUntil',
    );
  });

  it.each([
    [{ name: 5 }, "environment: name must be a text, but is 5"],
    [{ clock: Date.now }, "environment: clock must be a clock, but is function now"],
    [{ random: 0.5 }, "environment: random must be a function, but is 0.5"],
    [{ sink: 1 }, "environment: sink must be a sink, but is 1"],
    [{ classify: "status" }, 'environment: classify must be a function, but is "status"'],
    [{ discard: true }, "environment: discard must be a function, but is true"],
    [{ waitUntil: {} }, "environment: waitUntil must be a function, but is {}"],
  ])("refuses %j when it is made", (options, message) => {
    expect(() => environment(options as unknown as EnvironmentOptions)).toThrow(new TypeError(message));
  });
});

describe("discard", () => {
  const pending = () => new ReadableStream({ start: (controller) => controller.enqueue("x") });

  it("cancels the body of a Response that a policy goes past", async () => {
    const reasons: string[] = [];
    const first = new Response(new ReadableStream({ cancel: () => void reasons.push("cancelled") }));
    const { clock, origin, call } = stage(orElse(timeout("1s"), timeout("1s")), {
      classify: (outcome) => ({
        kind: "value" in outcome && outcome.value === first ? "failure" : "success",
        retryable: false,
      }),
    });
    const seen = call();
    origin.last.succeed(first);
    await clock.advance(0);
    expect(reasons).toEqual(["cancelled"]);
    origin.last.succeed("fine");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "fine" });
    expect(clock.pending).toBe(0);
  });

  it.each<[string, unknown]>([
    ["a text", "x"],
    ["null", null],
    ["an object without a body", { a: 1 }],
    ["a Response without a body", new Response(null)],
    ["an object whose body is no stream", { body: "x" }],
  ])("lets %s go", (_, value) => {
    expect(() => cancelBody(value)).not.toThrow();
  });

  it("leaves a body alone that somebody reads", () => {
    const response = new Response(pending());
    response.body?.getReader();
    expect(() => cancelBody(response)).not.toThrow();
  });

  it("does not mind a body that will not be cancelled", async () => {
    const body = new ReadableStream({ cancel: () => Promise.reject(down) });
    const seen = caller(Promise.resolve(cancelBody({ body })));
    await Promise.resolve().then();
    expect(seen.seen).toEqual({ value: undefined });
  });
});

describe("the platform", () => {
  it("hears no events and keeps nothing running, unless told otherwise", () => {
    expect(platform.sink).toBeUndefined();
    expect(platform.waitUntil(Promise.resolve())).toBeUndefined();
    const number = platform.random();
    expect(number >= 0 && number < 1).toBe(true);
  });
});
