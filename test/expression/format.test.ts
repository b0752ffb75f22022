import {
  adaptive,
  answer,
  bulkhead,
  circuitBreaker,
  compose,
  constant,
  describe as describePolicy,
  environment,
  exponential,
  fallback,
  format,
  identity,
  keyed,
  orElse,
  type Policy,
  parse,
  policy,
  race,
  retry,
  retryBudget,
  type Scope,
  sharedBy,
  timeout,
} from "ninelives";
import { ManualClock, recordingSink } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { formatDescription } from "../../src/expression/format.ts";

const a = timeout(1);
const b = timeout(2);

describe("format", () => {
  it.each<[Policy<never, never>, string]>([
    [identity, "identity"],
    [environment({}), "environment"],
    [compose(environment({ name: "shop" }), retry()), 'environment(name: "shop") + retry'],
    [retry(), "retry"],
    [retry(3), "retry(3)"],
    [
      retry({ attempts: 3, backoff: exponential("100ms"), jitter: "equal", maximumDelay: 30_000 }),
      'retry(3, backoff: exponential(100ms), jitter: "equal", maximumDelay: 30s)',
    ],
    [retry({ backoff: exponential("1s", { factor: 1.5 }) }), "retry(backoff: exponential(1s, factor: 1.5))"],
    [retry({ backoff: constant(0), jitter: 0 }), "retry(backoff: constant(0ms), jitter: 0)"],
    [timeout(90_000), "timeout(90s)"],
    [timeout(adaptive<"2m" | 5>("2m")), "timeout(2m)"],
    [bulkhead({ limit: 10, queue: 5, maximumWait: 1_500 }), "bulkhead(10, queue: 5, maximumWait: 1500ms)"],
    [circuitBreaker({ name: 'a"b\n', window: "1m" }), 'circuitBreaker(name: "a\\"b\\n", window: 1m)'],
    [circuitBreaker({ window: 50 }), "circuitBreaker(window: 50)"],
    [answer(-0.5), "answer(-0.5)"],
    [answer(1e21), "answer(1e+21)"],
    [answer(1e-7), "answer(1e-7)"],
    [answer(true), "answer(true)"],
    [answer(undefined), "answer"],
    [answer("\u2028"), 'answer("\u2028")'],
    [fallback(5), "identity | answer(5)"],
    [compose(a, b), "timeout(1ms) + timeout(2ms)"],
    [compose(a, orElse(b, a)), "timeout(1ms) + (timeout(2ms) | timeout(1ms))"],
    [orElse(a, compose(b, a)), "timeout(1ms) | timeout(2ms) + timeout(1ms)"],
    [race(a, compose(b, a)), "timeout(1ms) & (timeout(2ms) + timeout(1ms))"],
    [compose(race(a, b), b), "timeout(1ms) & timeout(2ms) + timeout(2ms)"],
    [race(orElse(a, b), b), "(timeout(1ms) | timeout(2ms)) & timeout(2ms)"],
    [orElse(race(a, b), b), "timeout(1ms) & timeout(2ms) | timeout(2ms)"],
  ])("%#: writes a text that parses to the same description", (made, text) => {
    expect(format(made)).toBe(text);
    expect(describePolicy(parse(text))).toEqual(describePolicy(made));
  });

  it.each<[string, Scope]>([
    ["slow(2, wait, loud: true) + retry(n)", { slow: () => a, wait: 1, n: 3 }],
    ["mine | fallback(cached) | standard", { mine: compose(a, b), cached: {} }],
    ["circuitBreaker(shared: home)", { home: sharedBy({ sync: async () => Promise.reject() }) }],
    ['environment(name: "shop", clock: c, sink: s) + retry', { c: new ManualClock(), s: recordingSink() }],
    ["timeout(patience)", { patience: adaptive<number>(5) }],
    ["slow(exponential(100), linear(1s))", { slow: () => a }],
  ])("writes %s as it was written", (text, scope) => {
    expect(format(parse(text, scope))).toBe(text);
    expect(describePolicy(parse(format(parse(text, scope)), scope))).toEqual(
      describePolicy(parse(text, scope)),
    );
  });

  it.each<[Policy<never, never>, string]>([
    [
      compose(a, retry({ retryOn: () => true })),
      "+[1] retry: retryOn is a function that did not come by a name, so it has no text",
    ],
    [
      orElse(a, answer({ x: 1 })),
      "|[1] answer: argument 1 is an object that did not come by a name, so it has no text",
    ],
    [
      compose(environment({ sink: { emit() {} } }), a),
      "+[0] environment: sink is an object that did not come by a name",
    ],
    [keyed(() => a), "keyed: argument 1 is a function that did not come by a name"],
    [answer(null), "answer: argument 1 is an object that did not come by a name"],
    [answer(Number.POSITIVE_INFINITY), "answer: argument 1 is Infinity, which has no text"],
    [answer(Number.NaN), "answer: argument 1 is NaN, which has no text"],
    [policy`${(_: unknown) => a}(${"x"})`, "$0: argument 1 is an object that did not come by a name"],
  ])("%#: throws with the path to what has no text", (made, message) => {
    expect(() => format(made)).toThrow(TypeError);
    expect(() => format(made)).toThrow(message);
  });

  it.each([undefined, null, "retry", {}])("takes nothing but a policy, as describe does: %j", (value) => {
    const none = value as unknown as Policy;
    expect(() => format(none)).toThrow(new TypeError(`expected a policy, but got ${typeof value}`));
    expect(() => describePolicy(none)).toThrow(new TypeError(`expected a policy, but got ${typeof value}`));
  });

  it("takes no value of a policy for one", () => {
    const budget = retryBudget() as unknown as Policy;
    expect(() => format(budget)).toThrow(new TypeError("expected a policy, but got retryBudget"));
  });

  it("tells the path through functions too", () => {
    const description = {
      policy: "retry",
      arguments: [
        { name: "backoff", value: { call: "mine", arguments: [{ name: "by", value: { opaque: () => 1 } }] } },
      ],
    };
    expect(() => formatDescription(description)).toThrow("retry: backoff mine: by is a function");
  });
});
