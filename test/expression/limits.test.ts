import {
  adaptive,
  adaptiveLimit,
  aimd,
  aimdRate,
  bulkhead,
  chaos,
  describe as descriptionOf,
  ExpressionError,
  format,
  gcra,
  gradient2,
  type Policy,
  parse,
  rateLimit,
  slidingCounter,
  slidingLog,
  throttle,
  tokenBucket,
  vegas,
} from "ninelives";
import { describe, expect, it } from "vitest";

describe("the text of limits and chaos", () => {
  it.each<[string, Policy<never, never>]>([
    ["rateLimit(100)", rateLimit(100)],
    [
      "rateLimit(100, per: 1m, burst: 20, maximumWait: 2s)",
      rateLimit({ limit: 100, per: "1m", burst: 20, maximumWait: 2_000 }),
    ],
    ["rateLimit(100, algorithm: gcra)", rateLimit({ limit: 100, algorithm: gcra() })],
    ["rateLimit(5, algorithm: slidingLog)", rateLimit({ limit: 5, algorithm: slidingLog() })],
    ["rateLimit(5, algorithm: slidingCounter)", rateLimit({ limit: 5, algorithm: slidingCounter() })],
    ["rateLimit(5, algorithm: tokenBucket)", rateLimit({ limit: 5, algorithm: tokenBucket() })],
    [
      "rateLimit(5, feedback: aimdRate(decrease: 0.7, increase: 0.2, minimum: 0.1, maximumPause: 30s))",
      rateLimit({
        limit: 5,
        feedback: aimdRate({ decrease: 0.7, increase: 0.2, minimum: 0.1, maximumPause: "30s" }),
      }),
    ],
    ["throttle", throttle()],
    [
      "throttle(1.5, window: 30s, maximumRejection: 0.8, minimumCalls: 5)",
      throttle({ k: 1.5, window: "30s", maximumRejection: 0.8, minimumCalls: 5 }),
    ],
    ["adaptiveLimit", adaptiveLimit()],
    [
      "adaptiveLimit(vegas(window: 500ms), initial: 5, minimum: 2, maximum: 50, queue: 10, maximumWait: 1s)",
      adaptiveLimit({
        algorithm: vegas({ window: "500ms" }),
        initial: 5,
        minimum: 2,
        maximum: 50,
        queue: 10,
        maximumWait: "1s",
      }),
    ],
    [
      "adaptiveLimit(gradient2(tolerance: 2, smoothing: 0.1, queue: 8, window: 2s))",
      adaptiveLimit({ algorithm: gradient2({ tolerance: 2, smoothing: 0.1, queue: 8, window: "2s" }) }),
    ],
    [
      "adaptiveLimit(aimd(decrease: 0.5, increase: 2, slowAfter: 1s))",
      adaptiveLimit({ algorithm: aimd({ decrease: 0.5, increase: 2, slowAfter: "1s" }) }),
    ],
    [
      'bulkhead(10, queue: 5, maximumWait: 1s, order: "lifo", priority: 1)',
      bulkhead({ limit: 10, queue: 5, maximumWait: "1s", order: "lifo", priority: 1 }),
    ],
    [
      'chaos(0.1, latency: 2s, fault: "reset", seed: 42, enabled: false)',
      chaos({ rate: 0.1, latency: "2s", fault: "reset", seed: 42, enabled: false }),
    ],
    ["chaos(outcome: 503)", chaos({ outcome: 503 })],
  ])("%s is read and written", (text, policy) => {
    expect(descriptionOf(parse(text))).toEqual(descriptionOf(policy));
    expect(format(policy)).toBe(text);
    expect(format(parse(text))).toBe(text);
  });

  it("takes values of the scope, first or by their names", () => {
    const text =
      "adaptiveLimit(mine) + bulkhead(slots, queue: 5, maximumWait: 1s, priority: rank) + chaos(fault: drill)";
    const scope = { mine: vegas(), slots: adaptive(3), rank: () => 1, drill: new Error("drill") };
    expect(format(parse(text, scope))).toBe(text);
  });

  it.each([
    ["rateLimit", "rateLimit: limit must be a whole number of at least 1, but is undefined"],
    ["rateLimit(100, algorithm: leakyBucket)", 'found "leakyBucket", an unknown value'],
    ["adaptiveLimit(vegas, 5)", "adaptiveLimit takes its options by name, save algorithm"],
    ["adaptiveLimit(minimum: 50)", "adaptiveLimit: initial must be from minimum 50"],
    ["chaos(0.5)", "chaos: there must be a latency"],
  ])("says where and why %s will not do", (text, message) => {
    expect(() => parse(text)).toThrow(ExpressionError);
    expect(() => parse(text)).toThrow(message);
  });
});
