import {
  bulkhead,
  type CircuitBreaker,
  circuitBreaker,
  type KeyedOptions,
  keyed,
  retry,
  standard,
} from "ninelives";
import { describe, expect, it } from "vitest";
import { stage } from "./stage.ts";

describe("keyed", () => {
  it("gives each key a policy of its own, and calls without one the key of no name", async () => {
    const made: string[] = [];
    const policy = keyed((key) => {
      made.push(key);
      return bulkhead(1);
    });
    const { clock, origin, call } = stage(policy);
    const seen = [call({ key: "a" }), call({ key: "b" }), call(), call({ key: "a" })];
    await clock.advance(0);
    expect(origin.calls.map(({ request }) => request)).toEqual(["request 1", "request 2", "request 3"]);
    expect(seen[3]?.error).toMatchObject({ kind: "bulkhead-full" });
    expect(made).toEqual(["a", "b", ""]);
    expect(clock.pending).toBe(0);
  });

  it("gives its policies to who asks, the same as to calls", async () => {
    const policy = keyed((name) => circuitBreaker({ name, consecutiveFailures: 1 }));
    const { fail, call, clock, origin } = stage(policy);
    const circuit = policy.of("") as CircuitBreaker;
    await fail();
    expect(circuit.state).toBe("open");
    circuit.close();
    call();
    await clock.advance(0);
    expect(origin.calls.length).toBe(2);
  });

  it("forgets the key that was used longest ago, with its state", async () => {
    const policy = keyed(() => bulkhead(1), { maximumKeys: 2 });
    const { clock, origin, call } = stage(policy);
    const first = policy.of("a");
    policy.of("b");
    expect(policy.of("a")).toBe(first);
    policy.of("c");
    expect(policy.keys()).toEqual(["a", "c"]);
    call({ key: "a" });
    expect(policy.keys()).toEqual(["c", "a"]);
    policy.of("d");
    policy.of("e");
    const again = call({ key: "a" });
    await clock.advance(0);
    expect(again.seen).toBe("nothing yet");
    expect(origin.calls.length).toBe(2);
  });

  it("remembers a thousand keys unless told otherwise", () => {
    const policy = keyed(() => retry());
    for (let key = 0; key <= 1_000; key++) policy.of(String(key));
    expect(policy.keys().length).toBe(1_000);
    expect(policy.keys()[0]).toBe("1");
  });

  it("links a service with a key's policy once, and another service apart", async () => {
    let layers = 0;
    const policy = keyed(() => {
      const own = bulkhead(9);
      return Object.assign(Object.create(own), {
        layer: (next: Parameters<typeof own.layer>[0]) => {
          layers++;
          return own.layer(next);
        },
      });
    });
    const [a, b] = [policy.wrap(async () => "a"), policy.wrap(async () => "b")];
    expect([await a(undefined), await a(undefined), await b(undefined)]).toEqual(["a", "a", "b"]);
    expect(layers).toBe(2);
  });

  it.each<[KeyedOptions, string]>([
    [{ maximumKeys: 0 }, "keyed: maximumKeys must be a whole number of at least 1, but is 0"],
    [{ size: 1 } as KeyedOptions, 'keyed has no option "size"; it has maximumKeys'],
  ])("refuses %j when it is made", (options, message) => {
    expect(() => keyed(() => retry(), options)).toThrow(message);
  });
});

describe("standard", () => {
  it("is a bulkhead, a time limit, retries, a circuit and a limit for each attempt", async () => {
    const { clock, origin, sink, call } = stage(standard(), { random: () => 0 });
    const seen = call();
    await clock.advance(10_000);
    await clock.advance(10_000);
    expect(origin.calls.length).toBe(3);
    await clock.advance(10_000);
    expect(seen.error).toMatchObject({ kind: "timeout", message: "no answer within 30000 ms" });
    expect(sink.types[0]).toBe("bulkhead.acquired");
    expect(clock.pending).toBe(0);
  });

  it("has state of its own each time, and takes its circuit's options", async () => {
    const [first, second] = [standard({ consecutiveFailures: 1, name: "a" }), standard({ name: "b" })].map(
      (policy) => stage(policy, { random: () => 0 }),
    );
    await first?.fail();
    await first?.clock.advance(0);
    await first?.succeed();
    expect(first?.origin.calls.length).toBe(1);
    expect(first?.sink.of("circuit.opened")).toEqual([expect.objectContaining({ circuit: "a" })]);
    await second?.succeed();
    expect(second?.origin.calls.length).toBe(1);
  });
});
