import {
  answer,
  type Context,
  compose,
  constant,
  fallback,
  format,
  orElse,
  parse,
  RejectedError,
  retry,
  timeout,
} from "ninelives";
import { describe, expect, it } from "vitest";
import { stage } from "./stage.ts";

const down = new Error("down");

async function settled<T>(clock: { advance(ms: number): Promise<void> }, called: T): Promise<T> {
  await clock.advance(0);
  return called;
}

describe("answer", () => {
  it("answers by itself and never calls its service", async () => {
    const { clock, origin, sink, call } = stage(answer<unknown>("static"));
    const seen = call();
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "static" });
    expect(origin.calls.length).toBe(0);
    expect(sink.of("request.succeeded")[0]?.attempts).toBe(0);
  });

  it("is computed from the request and the context, also later", async () => {
    const policy = answer<unknown>(async (request: unknown, { key }: Context) => `${request} of ${key}`);
    const { clock, call } = stage(policy);
    const seen = call({ key: "k" });
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "request 1 of k" });
  });

  it("gives a Response to each who asks", async () => {
    for (const policy of [answer(new Response("static")), fallback(new Response("static"))]) {
      for (let call = 0; call < 3; call++) {
        const response = await policy.execute(() => Promise.reject(down));
        expect(await response.text()).toBe("static");
      }
    }
  });

  it("rejects with what its function throws", async () => {
    const policy = answer<string>(() => {
      throw down;
    });
    await expect(policy.execute(async () => "ok")).rejects.toBe(down);
  });

  it("has the text of a plain value, and a name for any other", () => {
    expect(format(parse('retry(3) | answer("none")'))).toBe('retry(3) | answer("none")');
    expect(format(answer(42))).toBe("answer(42)");
    expect(format(parse("answer(cached)", { cached: { items: [] } }))).toBe("answer(cached)");
    expect(() => format(answer({ items: [] }))).toThrow("answer: argument 1 is an object");
  });
});

describe("fallback", () => {
  it("leaves an answer of the service alone", async () => {
    const { origin, sink, succeed } = stage(fallback<unknown>("instead"));
    expect((await succeed("ok")).seen).toEqual({ value: "ok" });
    expect(origin.calls.length).toBe(1);
    expect(sink.types).toEqual(["request.succeeded"]);
  });

  it("fallback > retry: answers when all attempts have failed", async () => {
    const policy = compose(
      fallback<unknown>("instead"),
      retry({ attempts: 2, backoff: constant(10), jitter: "none" }),
    );
    const { clock, origin, sink, call } = stage(policy);
    origin.script(
      () => Promise.reject(down),
      () => Promise.reject(down),
    );
    const seen = call();
    await clock.advance(10);
    expect(seen.seen).toEqual({ value: "instead" });
    expect(origin.calls.length).toBe(2);
    expect(sink.of("fallback.used")).toEqual([expect.objectContaining({ kind: "Error" })]);
    expect(clock.pending).toBe(0);
  });

  it.each([
    ["a rejection of a policy", new RejectedError("circuit-open", "circuit", "open"), "circuit-open"],
    ["an error", down, "Error"],
  ])("answers for %s", async (_, error, kind) => {
    const { sink, fail } = stage(fallback<unknown>("instead"));
    expect((await fail(error)).seen).toEqual({ value: "instead" });
    expect(sink.of("fallback.used")[0]?.kind).toBe(kind);
    expect(sink.of("request.succeeded")).toMatchObject([{ degraded: true }]);
  });

  it("marks the calls that it answered, and no others", async () => {
    const { clock, origin, sink, call } = stage(compose(retry(2), orElse(timeout("1s"), timeout("1s"))));
    origin.script(
      () => Promise.resolve("fine"),
      () => Promise.reject(down),
      () => Promise.reject(down),
      () => Promise.resolve("fine again"),
    );
    for (let each = 0; each < 2; each++) {
      call();
      await clock.advance(1_000);
    }
    // The second call's branches both failed at first; what its retry got came from the service itself.
    expect(sink.of("fallback.used")).toHaveLength(1);
    expect(sink.of("request.succeeded").map(({ degraded }) => degraded)).toEqual([undefined, undefined]);
    origin.script(
      () => Promise.reject(down),
      () => Promise.resolve("the other"),
    );
    expect((await settled(clock, call())).seen).toEqual({ value: "the other" });
    expect(sink.of("request.succeeded").at(-1)?.degraded).toBe(true);
  });

  it("fallback > timeout: answers for a call that takes too long", async () => {
    const { clock, call } = stage(compose(fallback<unknown>("instead"), timeout(100)));
    const seen = call();
    await clock.advance(100);
    expect(seen.seen).toEqual({ value: "instead" });
    expect(clock.pending).toBe(0);
  });

  it("does not answer for a caller that aborts", async () => {
    const controller = new AbortController();
    const { clock, origin, call } = stage(fallback<unknown>("instead"));
    const seen = call({ signal: controller.signal });
    controller.abort("navigated");
    origin.last.fail(down);
    await clock.advance(0);
    expect(seen.error).toBe("navigated");
  });

  it("gives the last known value: stale if error, by hand", async () => {
    let lastKnown: unknown;
    const remember = async (request: unknown) => {
      if (request === "fails") throw down;
      lastKnown = request;
      return request;
    };
    const wrapped = orElse(
      retry(1),
      answer(() => lastKnown),
    ).wrap(remember);
    expect(await wrapped("a")).toBe("a");
    expect(await wrapped("fails")).toBe("a");
  });
});
