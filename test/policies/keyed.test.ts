import {
  type CircuitBreaker,
  circuitBreaker,
  format,
  isRejected,
  type KeyedOptions,
  keyed,
  parse,
  retry,
} from "ninelives";
import { describe, expect, it } from "vitest";
import { stage } from "./stage.ts";

const down = new Error("down");
const fragile = (key: string): CircuitBreaker => circuitBreaker({ name: key, consecutiveFailures: 1 });

describe("keyed", () => {
  it("gives each key state of its own, and calls without a key the one of no name", async () => {
    const circuits = keyed(fragile);
    const { clock, origin, call } = stage(circuits);
    for (const key of ["a", undefined]) {
      call({ key });
      origin.last.fail(down);
      await clock.advance(0);
    }
    const callers = ["a", "b", undefined, ""].map((key) => call({ key }));
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(callers.map(({ seen }) => seen)).toEqual([
      { error: expect.objectContaining({ kind: "circuit-open", policy: "a" }) },
      { value: "ok" },
      { error: expect.objectContaining({ kind: "circuit-open", policy: "" }) },
      { error: expect.objectContaining({ kind: "circuit-open", policy: "" }) },
    ]);
    expect(circuits.keys()).toEqual(["a", "b", ""]);
    expect((circuits.of("a") as CircuitBreaker).state).toBe("open");
    expect(clock.pending).toBe(0);
  });

  it("makes a key's policy once and links it once", async () => {
    const made: string[] = [];
    const policy = keyed((key) => {
      made.push(key);
      return fragile(key);
    });
    const { call } = stage(policy);
    for (let times = 0; times < 3; times++) call({ key: "a" });
    expect(made).toEqual(["a"]);
  });

  it("forgets the key that was used longest ago, with its state", async () => {
    const { clock, origin, call } = stage(keyed(fragile, { maximumKeys: 2 }));
    const fail = async (key: string) => {
      const before = origin.calls.length;
      const made = call({ key });
      if (origin.calls.length > before) origin.last.fail(down);
      await clock.advance(0);
      return isRejected(made.error, "circuit-open");
    };
    expect([await fail("a"), await fail("b"), await fail("a")]).toEqual([false, false, true]);
    expect([await fail("c"), await fail("a"), await fail("b")]).toEqual([false, true, false]);
  });

  it("remembers 1000 keys, unless told otherwise", () => {
    const policy = keyed(fragile);
    for (let key = 0; key <= 1_000; key++) policy.of(`${key}`);
    expect([policy.keys().length, policy.keys()[0]]).toEqual([1_000, "1"]);
  });

  it.each<[string, KeyedOptions, string]>([
    ["maximumKeys", { maximumKeys: 0 }, "keyed: maximumKeys must be a whole number of at least 1, but is 0"],
    ["keys", { keys: 1 } as KeyedOptions, 'keyed has no option "keys"; it has maximumKeys'],
  ])("refuses a bad %s when it is made", (_, options, message) => {
    expect(() => keyed(fragile, options)).toThrow(message);
  });

  it("has a text with names from its scope", () => {
    const text = "keyed(perHost, maximumKeys: 50) + retry";
    expect(format(parse(text, { perHost: () => retry() }))).toBe(text);
    expect(() => format(keyed(fragile))).toThrow("keyed: argument 1 is a function");
  });

  it("needs a function that makes policies", () => {
    const wanted = "keyed: factory must be a function that makes the policy of a key, but is ";
    expect(() => keyed("host" as never)).toThrow(new TypeError(`${wanted}"host"`));
    expect(() => keyed(retry() as never)).toThrow(wanted);
  });

  it.each([5, undefined, null, () => retry()])(
    "refuses a key for which the function makes %s",
    async (made) => {
      const { clock, origin, call } = stage(keyed(() => made as never));
      const refused = call();
      await clock.advance(0);
      expect(refused.error).toBeInstanceOf(TypeError);
      expect(String(refused.error)).toContain("keyed: what factory returns must be a policy, but is ");
      expect(origin.calls.length).toBe(0);
    },
  );
});
