import {
  type CoalesceOptions,
  type Context,
  circuitBreaker,
  coalesce,
  compose,
  constant,
  format,
  isRejected,
  parse,
  retry,
  timeout,
} from "ninelives";
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
const byKey = (_: unknown, { key }: Context): string | undefined => key;
const coalesced = (
  options: Partial<CoalesceOptions<unknown, unknown>> = {},
  given: StageOptions = {},
): Stage => stage(coalesce({ key: byKey, ...options }), given);

describe("coalesce", () => {
  it("calls once for all who ask for the same, and gives them all the answer", async () => {
    const { clock, origin, sink, call } = coalesced();
    const answer = { price: 1 };
    const callers = [call({ key: "a" }), call({ key: "a" }), call({ key: "a" })];
    await clock.advance(0);
    expect(origin.calls.map(({ request }) => request)).toEqual(["request 1"]);
    origin.last.succeed(answer);
    await clock.advance(0);
    for (const { seen } of callers) expect((seen as { value: unknown }).value).toBe(answer);
    expect(sink.of("call.coalesced").map(({ waiting, key }) => [waiting, key])).toEqual([
      [2, "a"],
      [3, "a"],
    ]);
    expect(sink.of("request.succeeded").map(({ attempts }) => attempts)).toEqual([1, 0, 0]);
    expect(clock.pending).toBe(0);
  });

  it("throws the same error to all", async () => {
    const { clock, origin, call } = coalesced();
    const callers = [call({ key: "a" }), call({ key: "a" })];
    origin.last.fail(down);
    await clock.advance(0);
    expect(callers.map(({ error }) => error)).toEqual([down, down]);
    expect(clock.pending).toBe(0);
  });

  it("keeps those apart who ask for something else, or for nothing by name", async () => {
    const { origin, call } = coalesced();
    for (const key of ["a", "b", undefined, undefined]) call({ key });
    call({ key: "a" });
    expect(origin.calls.map(({ request }) => request)).toEqual([
      "request 1",
      "request 2",
      "request 3",
      "request 4",
    ]);
  });

  it.each<[string, (stage: Stage) => void]>([
    ["answered", ({ origin }) => origin.last.succeed("ok")],
    ["failed", ({ origin }) => origin.last.fail(down)],
  ])("calls again for who comes after it was %s", async (_, end) => {
    const staged = coalesced();
    const { clock, origin, call } = staged;
    call({ key: "a" });
    end(staged);
    await clock.advance(0);
    call({ key: "a" });
    expect(origin.calls.length).toBe(2);
    expect(clock.pending).toBe(0);
  });

  it("sends a request that must not be repeated by itself", async () => {
    const { origin, call } = coalesced();
    call({ key: "a" });
    call({ key: "a", repeatable: false });
    call({ key: "a", repeatable: false });
    expect(origin.calls.length).toBe(3);
  });

  it("neither calls nor joins for a caller that has aborted already", async () => {
    const controller = new AbortController();
    const policy = compose(
      abortedBefore(() => controller.abort("gone")),
      coalesce(() => "a"),
    );
    const { clock, origin, call } = stage(policy);
    const seen = call({ signal: controller.signal });
    await clock.advance(0);
    expect(seen.error).toBe("gone");
    expect(origin.calls.length).toBe(0);
  });

  describe("a caller that aborts", () => {
    it("rejects at once and leaves the others alone, the first one too", async () => {
      const { clock, origin, call } = coalesced();
      const controller = new AbortController();
      const first = call({ key: "a", signal: controller.signal });
      const second = call({ key: "a" });
      controller.abort("navigated");
      await clock.advance(0);
      expect(first.error).toBe("navigated");
      expect(origin.last.context.signal.aborted).toBe(false);
      const third = call({ key: "a" });
      origin.last.succeed("ok");
      await clock.advance(0);
      expect([second.seen, third.seen]).toEqual([{ value: "ok" }, { value: "ok" }]);
      expect(origin.calls.length).toBe(1);
      expect(clock.pending).toBe(0);
    });

    it("aborts the call when it is the last one, with its reason", async () => {
      const discarded: unknown[] = [];
      const { clock, origin, call } = coalesced({}, { discard: (value) => discarded.push(value) });
      const controllers = [new AbortController(), new AbortController()];
      const callers = controllers.map(({ signal }) => call({ key: "a", signal }));
      const { signal } = origin.last.context;
      controllers[0]?.abort("first");
      expect(signal.aborted).toBe(false);
      controllers[1]?.abort("second");
      expect([signal.aborted, signal.reason]).toEqual([true, "second"]);
      await clock.advance(0);
      expect(callers.map(({ error }) => error)).toEqual(["first", "second"]);
      const anew = call({ key: "a" });
      expect(origin.calls.length).toBe(2);
      origin.calls[0]?.succeed("too late");
      await clock.advance(0);
      expect(discarded).toEqual(["too late"]);
      expect(anew.seen).toBe("nothing yet");
      call({ key: "a" });
      expect(origin.calls.length).toBe(2);
      origin.calls[1]?.succeed("ok");
      await clock.advance(0);
      expect(anew.seen).toEqual({ value: "ok" });
      expect(clock.pending).toBe(0);
    });

    it("has its own deadline, where no timeout is around it", async () => {
      const { clock, origin, call } = coalesced();
      const hasty = call({ key: "a", deadline: 50 });
      const patient = call({ key: "a", deadline: 200 });
      await clock.advance(50);
      expect(isRejected(hasty.error, "timeout")).toBe(true);
      expect(origin.last.context.deadline).toBe(Infinity);
      await clock.advance(100);
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(patient.seen).toEqual({ value: "ok" });
      expect(clock.pending).toBe(0);
    });

    it("leaves the way free for another call when it has lost its patience", async () => {
      const { clock, origin, call } = coalesced();
      const [hasty, patient] = [call({ key: "a", deadline: 50 }), call({ key: "a", deadline: 500 })];
      await clock.advance(50);
      expect(isRejected(hasty?.error, "timeout")).toBe(true);
      const late = [call({ key: "a" }), call({ key: "a" })];
      expect(origin.calls.length).toBe(2);
      origin.last.succeed("another");
      await clock.advance(0);
      expect(late.map(({ seen }) => seen)).toEqual([{ value: "another" }, { value: "another" }]);
      expect(patient?.seen).toBe("nothing yet");
      origin.calls[0]?.succeed("first");
      await clock.advance(0);
      expect(patient?.seen).toEqual({ value: "first" });
      expect(clock.pending).toBe(0);
    });

    it("timeout > coalesce: gives up by itself", async () => {
      const after = ({ key }: Context) => (key === undefined ? 10 : 100);
      const { clock, origin, call } = stage(
        compose(
          timeout(after),
          coalesce(() => "a"),
        ),
      );
      const hasty = call();
      const patient = call({ key: "patient" });
      expect(clock.pending).toBe(1);
      await clock.advance(10);
      expect(isRejected(hasty.error, "timeout")).toBe(true);
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(patient.seen).toEqual({ value: "ok" });
      expect(clock.pending).toBe(0);
    });
  });

  it("timeout > coalesce > circuitBreaker: the last one's timeout is a failure, its abort is none", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: 1 });
    const { clock, origin, call } = stage(
      compose(
        timeout(100),
        coalesce(() => "a"),
        circuit,
      ),
    );
    const controller = new AbortController();
    call({ signal: controller.signal });
    controller.abort();
    origin.last.fail(down);
    await clock.advance(0);
    expect(circuit.state).toBe("closed");
    call();
    await clock.advance(100);
    origin.last.fail(origin.last.context.signal.reason);
    await clock.advance(0);
    expect(circuit.state).toBe("open");
    expect(clock.pending).toBe(0);
  });

  it("coalesce > retry: all wait for the retries of one", async () => {
    const policy = compose(
      coalesce(() => "a"),
      retry({ attempts: 3, backoff: constant(10) }),
    );
    const { clock, origin, call } = stage(policy);
    const callers = [call(), call()];
    origin.last.fail(down);
    await clock.advance(10);
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(callers.map(({ seen }) => seen)).toEqual([{ value: "ok" }, { value: "ok" }]);
    expect(origin.calls.length).toBe(2);
    expect(clock.pending).toBe(0);
  });

  it("meets a service that throws at once as one that rejects", async () => {
    const policy = coalesce(() => "a");
    const wrapped = policy.wrap(() => {
      throw down;
    });
    await expect(wrapped(undefined)).rejects.toBe(down);
  });

  describe("of answers that only one can have", () => {
    it("gives each caller but one a copy of its own", async () => {
      const given: number[][] = [];
      const share = (value: unknown) => {
        const copy = [...(value as number[])];
        given.push(copy);
        return copy;
      };
      const { clock, origin, call } = coalesced({ share });
      const callers = [call({ key: "a" }), call({ key: "a" }), call({ key: "a" })];
      const answer = [1];
      origin.last.succeed(answer);
      await clock.advance(0);
      const values = callers.map(({ seen }) => (seen as { value: unknown }).value);
      expect(new Set(values).size).toBe(3);
      expect(given.length).toBe(2);
      expect(values[2]).toBe(answer);
    });

    it("rejects the one whose copy cannot be made", async () => {
      const share = () => {
        throw down;
      };
      const { clock, origin, call } = coalesced({ share });
      const callers = [call({ key: "a" }), call({ key: "a" })];
      origin.last.succeed("ok");
      await clock.advance(0);
      expect(callers.map(({ seen }) => seen)).toEqual([{ error: down }, { value: "ok" }]);
    });

    it("clones a Response, so that all can read it", async () => {
      const { clock, origin, call } = coalesced();
      const callers = [call({ key: "a" }), call({ key: "a" }), call({ key: "a" })];
      origin.last.succeed(new Response("hello"));
      await clock.advance(0);
      const texts = callers.map(({ seen }) => (seen as { value: Response }).value.text());
      expect(await Promise.all(texts)).toEqual(["hello", "hello", "hello"]);
    });

    it("leaves a value with a body alone that it cannot clone", async () => {
      const { clock, origin, call } = coalesced();
      const values = [{ body: "text" }, { body: "text", clone: true }, null];
      for (const value of values) {
        const callers = [call({ key: "a" }), call({ key: "a" })];
        origin.last.succeed(value);
        await clock.advance(0);
        for (const { seen } of callers) expect((seen as { value: unknown }).value).toBe(value);
      }
    });

    it("aborts the call while bodies are read when the last of their readers aborts", async () => {
      const { clock, origin, call } = coalesced();
      const controllers = [new AbortController(), new AbortController()];
      const callers = controllers.map(({ signal }) => call({ key: "a", signal }));
      const { signal } = origin.last.context;
      origin.last.succeed(new Response(new ReadableStream()));
      await clock.advance(0);
      expect(callers.every(({ seen }) => typeof seen === "object" && "value" in seen)).toBe(true);
      controllers[0]?.abort("first");
      expect(signal.aborted).toBe(false);
      controllers[1]?.abort("second");
      expect([signal.aborted, signal.reason]).toEqual([true, "second"]);
      expect(clock.pending).toBe(0);
    });

    it("listens to nobody once an answer without a body, or an error, has come", async () => {
      const { signal } = new AbortController();
      const listeners = listenersOf(signal);
      const seen: number[] = [];
      const policy = compose(
        watched(() => seen.push(listeners())),
        coalesce(() => "a"),
      );
      const { clock, origin, call } = stage(policy);
      call({ signal });
      expect(listeners()).toBe(1);
      origin.last.succeed("ok");
      await clock.advance(0);
      call({ signal });
      origin.last.fail(down);
      await clock.advance(0);
      expect(seen).toEqual([0, 0]);
    });
  });

  it("shares its calls between the services that it goes around", async () => {
    const policy = coalesce((url: string) => url);
    const asked: string[] = [];
    const wrap = () =>
      policy.wrap(async (url: string) => {
        asked.push(url);
        return url;
      });
    expect(await Promise.all([wrap()("a"), wrap()("a"), wrap()("b")])).toEqual(["a", "a", "b"]);
    expect(asked).toEqual(["a", "b"]);
  });

  it.each<[string, unknown, string]>([
    ["key", {}, "coalesce: key must be a function, but is undefined"],
    ["share", { key: byKey, share: true }, "coalesce: share must be a function, but is true"],
    ["clone", { key: byKey, clone: byKey }, 'coalesce has no option "clone"; it has key, share'],
  ])("refuses a bad %s when it is made", (_, options, message) => {
    expect(() => coalesce(options as never)).toThrow(new TypeError(message));
  });

  it("has a text with names from its scope", async () => {
    const scope = { byKey, copy: structuredClone };
    expect(format(parse("coalesce(byKey, share: copy)", scope))).toBe("coalesce(byKey, share: copy)");
    const seen = caller(parse("coalesce(byKey)", scope).execute(async () => "ok", { key: "a" }));
    await Promise.resolve();
    expect(seen.seen).toBe("nothing yet");
  });
});
