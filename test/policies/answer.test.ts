import { answer, compose, describe as describePolicy, fallback, orElse, retry } from "ninelives";
import { describe, expect, it } from "vitest";
import { stage } from "./stage.ts";

const down = new Error("down");

describe("answer", () => {
  it.each<[string, unknown]>([
    ["a value", { items: [] }],
    ["nothing", undefined],
    ["null", null],
  ])("gives %s and never calls its service", async (_, value) => {
    const { clock, origin, call } = stage(answer(value));
    const seen = call();
    await clock.advance(0);
    expect(seen.seen).toEqual({ value });
    expect(origin.calls.length).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it("asks a function, at each call, with the request and the context", async () => {
    let made = 0;
    const policy = answer((request: string, { key }) => `${request}, ${key}, ${++made}`);
    const wrapped = policy.wrap(async () => "never");
    expect(await wrapped("a", { key: "k" })).toBe("a, k, 1");
    expect(await wrapped("b")).toBe("b, undefined, 2");
  });

  it.each<[string, () => unknown]>([
    [
      "throws",
      () => {
        throw down;
      },
    ],
    ["rejects", () => Promise.reject(down)],
  ])("fails with what its function %s", async (_, value) => {
    const { clock, call } = stage(answer(value));
    const seen = call();
    await clock.advance(0);
    expect(seen.error).toBe(down);
  });

  it("waits for a promise", async () => {
    const { clock, call } = stage(answer<unknown>(async () => "later"));
    const seen = call();
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "later" });
  });
});

describe("fallback", () => {
  it("answers when the service fails, and tells why", async () => {
    const { clock, origin, sink, fail } = stage(fallback<unknown>("stale"));
    expect((await fail(new TypeError("x"))).seen).toEqual({ value: "stale" });
    expect(origin.calls.length).toBe(1);
    expect(sink.of("fallback.used")).toEqual([expect.objectContaining({ kind: "TypeError" })]);
    expect(sink.types).toEqual(["fallback.used", "request.succeeded"]);
    expect(clock.pending).toBe(0);
  });

  it("keeps out of the way when the service succeeds", async () => {
    const { sink, succeed } = stage(fallback<unknown>("stale"));
    expect((await succeed("fresh")).seen).toEqual({ value: "fresh" });
    expect(sink.types).toEqual(["request.succeeded"]);
  });

  it("fallback > retry: answers after the last attempt", async () => {
    const { clock, origin, call } = stage(compose(fallback<unknown>("stale"), retry(2)), { random: () => 0 });
    const seen = call();
    origin.last.fail(down);
    await clock.advance(0);
    origin.last.fail(down);
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "stale" });
    expect(clock.pending).toBe(0);
  });

  it("answers after a request that must not be repeated only if it has not gone out", async () => {
    const { clock, origin, call } = stage(fallback<unknown>("stale"));
    const seen = call({ repeatable: false });
    origin.last.fail(down);
    await clock.advance(0);
    expect(seen.error).toBe(down);
  });

  it("is orElse(identity, answer(value))", () => {
    expect(describePolicy(fallback(5))).toEqual({
      operator: "|",
      operands: [
        { policy: "identity", arguments: [] },
        { policy: "answer", arguments: [{ value: 5 }] },
      ],
    });
    expect(describePolicy(orElse(retry(), fallback(5)))).toMatchObject({ operands: { length: 3 } });
  });
});
