import {
  type AnyBackoff,
  adaptive,
  type Backoff,
  constant,
  type Duration,
  exponential,
  format,
  type Jitter,
  linear,
  retry,
  sequence,
} from "ninelives";
import { seededRandom } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { Context } from "../../src/core/context.ts";
import { decorrelated, delayOf, type Spread, spread, spreadOf } from "../../src/policies/backoff.ts";

describe("back-off", () => {
  it.each<[string, Backoff, number[]]>([
    ["constant", constant("50ms"), [50, 50, 50, 50]],
    ["linear", linear("50ms"), [50, 100, 150, 200]],
    ["exponential", exponential("50ms"), [50, 100, 200, 400]],
    ["exponential by 3", exponential(10, { factor: 3 }), [10, 30, 90, 270]],
    ["exponential by 1", exponential(10, { factor: 1 }), [10, 10, 10, 10]],
    ["sequence goes on with its last", sequence(0, "20ms", "1s"), [0, 20, 1_000, 1_000]],
    ["sequence of one", sequence("20ms"), [20, 20, 20, 20]],
  ])("%s", (_, backoff, delays) => {
    expect([1, 2, 3, 4].map((attempt) => backoff.delay(attempt))).toEqual(delays);
  });

  it.each<[string, () => unknown, string]>([
    ["constant", () => constant("1x" as "1s"), "constant: delay"],
    ["linear", () => linear(-1), "linear: step"],
    ["exponential", () => exponential(Number.NaN), "exponential: first"],
    ["sequence", () => sequence("1x" as "1s"), "sequence: delays must be a duration such as"],
    ["sequence of nothing", () => sequence(), "sequence: delays must be one duration or more, but is []"],
    ["exponential's factor", () => exponential(1, { factor: 0.5 }), "exponential: factor"],
    ["exponential's factor", () => exponential(1, { factor: 101 }), "exponential: factor"],
  ])("%s refuses what will not do, by name", (_, make, option) => {
    expect(make).toThrow(RangeError);
    expect(make).toThrow(option);
  });
});

it("exponential has one option", () => {
  expect(() => exponential("1s", { facto: 3 } as object)).toThrow(
    'exponential has no option "facto"; it has factor',
  );
});

describe("any back-off", () => {
  const outcome = { error: new Error("down") };
  const context = Context.begin();
  const delays = (backoff: AnyBackoff): number[] => {
    const delay = delayOf(backoff, "retry: backoff");
    return [3, 1, 2, 5].map((attempt) => delay(attempt, outcome, context));
  };

  it.each<[string, AnyBackoff, number[]]>([
    ["a back-off", linear(10), [30, 10, 20, 50]],
    ["an array", [1, "2ms", "3s"], [3_000, 1, 2, 3_000]],
    ["a set", new Set([5, 7]), [7, 5, 7, 7]],
  ])("may be %s", (_, backoff, expected) => {
    expect(delays(backoff)).toEqual(expected);
  });

  it("may be a generator without end, read as far as needed and each item once", () => {
    let made = 0;
    function* naturals() {
      for (;;) yield ++made;
    }
    const delay = delayOf(naturals(), "retry: backoff");
    expect(made).toBe(1);
    expect(delay(3, outcome, context)).toBe(3);
    expect(delay(2, outcome, context)).toBe(2);
    expect(made).toBe(3);
  });

  it("may be a function, of the attempt, what came of it and the context", () => {
    const asked: unknown[] = [];
    const delay = delayOf((...given) => {
      asked.push(given);
      return "2s";
    }, "retry: backoff");
    expect(delay(4, outcome, context)).toBe(2_000);
    expect(asked).toEqual([[4, outcome, context]]);
  });

  it("refuses, by name, what a function or an iterable gives for a duration", () => {
    const message = 'retry: backoff must be a duration such as 250, "250ms", "5s", "2m" or "1h", but is';
    expect(() => delays(() => Number.NaN)).toThrow(`${message} NaN`);
    expect(() => delays([1, "2"] as never)).toThrow(`${message} "2"`);
  });

  it.each([
    ["100ms", '"100ms"'],
    [100, "100"],
    [null, "null"],
    [{}, "{}"],
  ])("refuses %j", (given, quoted) => {
    expect(() => delayOf(given as never, "retry: backoff")).toThrow(
      new TypeError(
        `retry: backoff must be one such as exponential("100ms"), an iterable of durations or a function, but is ${quoted}`,
      ),
    );
  });

  it("refuses an iterable of nothing", () => {
    expect(() => delayOf([], "retry: backoff")).toThrow(
      "retry: backoff must be one duration or more, but is []",
    );
  });
});

describe("jitter", () => {
  it.each<[Exclude<Jitter, "decorrelated">, number, number]>([
    ["none", 1_000, 1_000],
    ["full", 0, 1_000],
    ["equal", 500, 1_000],
    [0.3, 700, 1_300],
    [0, 1_000, 1_000],
    [1, 0, 2_000],
  ])("%s spreads a second from %d to %d ms", (jitter, least, most) => {
    const shares = spreadOf(jitter, "retry: jitter") as Spread;
    expect(spread(1_000, shares, () => 0)).toBeCloseTo(least);
    expect(spread(1_000, shares, () => 0.5)).toBeCloseTo((least + most) / 2);
    const random = seededRandom(1);
    for (let call = 0; call < 100; call++) {
      const delay = spread(1_000, shares, random);
      expect(delay).toBeGreaterThanOrEqual(least);
      expect(delay).toBeLessThanOrEqual(most);
    }
  });

  it.each([
    ["the first wait to three times it, at first", 0, 100, 300],
    ["the first wait to three times the last one", 250, 100, 750],
    ["the first wait to the most that is allowed", 5_000, 100, 1_000],
  ])("decorrelated spreads from %s", (_, previous, least, most) => {
    const next = (random: number): number => decorrelated(100, previous, 1_000, () => random);
    expect(next(0)).toBe(least);
    expect(next(0.5)).toBe((least + most) / 2);
    expect(next(1)).toBe(most);
  });

  it("decorrelated goes past no cap, even where the first wait does", () => {
    expect(decorrelated(5_000, 0, 1_000, () => 0.5)).toBe(1_000);
  });

  it.each([
    ["some", TypeError, '"some"'],
    ["constructor", TypeError, '"constructor"'],
    [null, TypeError, "null"],
    [1.1, RangeError, "1.1"],
    [-0.1, RangeError, "-0.1"],
  ])("refuses %j", (jitter, type, quoted) => {
    const check = () => spreadOf(jitter as Jitter, "retry: jitter");
    expect(check).toThrow(type);
    expect(check).toThrow(`but is ${quoted}`);
    expect(check).toThrow("retry: jitter");
  });
});

it("a sequence is described as its waits are now, and asks for one at least", () => {
  const last = adaptive<Duration>("5ms");
  const policy = retry({ backoff: sequence("1ms", last) });
  last.set("7ms");
  expect(format(policy)).toBe("retry(backoff: sequence(1ms, 7ms))");
  expect(() => sequence()).toThrow("sequence: delays must be one duration or more");
});
