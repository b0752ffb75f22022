import {
  type Argument,
  adaptive,
  answer,
  bulkhead,
  circuitBreaker,
  constant,
  describe as describePolicy,
  environment,
  exponential,
  fallback,
  keyed,
  linear,
  orElse,
  type Policy,
  race,
  retry,
  sharedBy,
  standard,
  timeout,
} from "ninelives";
import { describe, expect, it } from "vitest";

const store = sharedBy({ sync: () => new Promise<never>(() => {}) });
const retryOn = () => true;
const factory = () => retry();

describe("describe", () => {
  it.each<[string, Policy<never, never>, string, Argument[]]>([
    ["retry()", retry(), "retry", []],
    ["retry(3)", retry(3), "retry", [{ value: 3 }]],
    [
      "retry, all of it",
      retry({
        attempts: 5,
        backoff: exponential("50ms", { factor: 3 }),
        jitter: 0.2,
        maximumDelay: "1s",
        within: 2_000,
        retryOn,
      }),
      "retry",
      [
        { value: 5 },
        {
          name: "backoff",
          value: {
            call: "exponential",
            arguments: [{ value: { duration: 50 } }, { name: "factor", value: 3 }],
          },
        },
        { name: "jitter", value: 0.2 },
        { name: "maximumDelay", value: { duration: 1_000 } },
        { name: "within", value: { duration: 2_000 } },
        { name: "retryOn", value: { opaque: retryOn } },
      ],
    ],
    [
      "other back-offs",
      retry({ backoff: constant(5) }),
      "retry",
      [{ name: "backoff", value: { call: "constant", arguments: [{ value: { duration: 5 } }] } }],
    ],
    [
      "other back-offs",
      retry({ backoff: linear("1s"), jitter: "none" }),
      "retry",
      [
        { name: "backoff", value: { call: "linear", arguments: [{ value: { duration: 1_000 } }] } },
        { name: "jitter", value: "none" },
      ],
    ],
    ["timeout", timeout("1s"), "timeout", [{ value: { duration: 1_000 } }]],
    [
      "an adaptive duration",
      timeout(adaptive<"2s" | "3s">("2s")),
      "timeout",
      [{ value: { duration: 2_000 } }],
    ],
    ["an adaptive number", bulkhead({ limit: adaptive(7) }), "bulkhead", [{ value: 7 }]],
    ["a computed duration", timeout(retryOn as never), "timeout", [{ value: { opaque: retryOn } }]],
    [
      "bulkhead",
      bulkhead({ limit: 1, queue: 2, maximumWait: 3 }),
      "bulkhead",
      [{ value: 1 }, { name: "queue", value: 2 }, { name: "maximumWait", value: { duration: 3 } }],
    ],
    ["circuitBreaker()", circuitBreaker(), "circuitBreaker", []],
    [
      "circuitBreaker, all of it",
      circuitBreaker({
        name: "db",
        consecutiveFailures: 1,
        failureRate: 0.2,
        slowCall: "1s",
        slowCallRate: 0.3,
        window: "10s",
        minimumCalls: 4,
        openFor: 5,
        maximumOpenFor: "6s",
        probes: 7,
        successesToClose: 8,
        shared: store,
      }),
      "circuitBreaker",
      [
        { name: "name", value: "db" },
        { name: "consecutiveFailures", value: 1 },
        { name: "failureRate", value: 0.2 },
        { name: "slowCall", value: { duration: 1_000 } },
        { name: "slowCallRate", value: 0.3 },
        { name: "window", value: { duration: 10_000 } },
        { name: "minimumCalls", value: 4 },
        { name: "openFor", value: { duration: 5 } },
        { name: "maximumOpenFor", value: { duration: 6_000 } },
        { name: "probes", value: 7 },
        { name: "successesToClose", value: 8 },
        { name: "shared", value: { opaque: store } },
      ],
    ],
    ["a window of calls", circuitBreaker({ window: 10 }), "circuitBreaker", [{ name: "window", value: 10 }]],
    ["answer", answer(true), "answer", [{ value: true }]],
    ["answer of nothing", answer(undefined), "answer", []],
    ["answer of null", answer(null), "answer", [{ value: { opaque: null } }]],
    ["keyed", keyed(factory), "keyed", [{ value: { opaque: factory } }]],
    ["environment", environment({ name: "x" }), "environment", [{ name: "name", value: "x" }]],
  ])("%s", (_, policy, name, args) => {
    expect(describePolicy(policy)).toEqual({ policy: name, arguments: args });
  });

  it("joins what is joined, flat", () => {
    expect(describePolicy(orElse(race(timeout(1), timeout(2)), fallback(1)))).toMatchObject({
      operator: "|",
      operands: [{ operator: "&", operands: { length: 2 } }, { policy: "identity" }, { policy: "answer" }],
    });
    expect(describePolicy(standard())).toMatchObject({ operator: "+", operands: { length: 5 } });
  });
});
