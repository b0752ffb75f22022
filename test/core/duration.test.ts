import type { Duration } from "ninelives";
import { describe, expect, it } from "vitest";
import { formatDuration, milliseconds, quote } from "../../src/core/duration.ts";

describe("milliseconds", () => {
  it.each<[Duration, number]>([
    [0, 0],
    [250, 250],
    [0.5, 0.5],
    ["0ms", 0],
    ["250ms", 250],
    ["1.5s", 1_500],
    ["2m", 120_000],
    ["1h", 3_600_000],
  ])("takes %j for %d", (duration, ms) => {
    expect(milliseconds(duration, "wait")).toBe(ms);
  });

  it.each<[unknown, string]>([
    [-1, "-1"],
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "Infinity"],
    ["5", '"5"'],
    ["5 s", '"5 s"'],
    ["-5s", '"-5s"'],
    ["5d", '"5d"'],
    ["", '""'],
    [null, "null"],
    [undefined, "undefined"],
    [{ s: 1 }, '{"s":1}'],
  ])("refuses %j, and quotes it", (duration, quoted) => {
    expect(() => milliseconds(duration as Duration, "retry: within")).toThrow(
      new RangeError(
        `retry: within must be a duration such as 250, "250ms", "5s", "2m" or "1h", but is ${quoted}`,
      ),
    );
  });
});

describe("formatDuration", () => {
  it.each([
    [0, "0ms"],
    [1, "1ms"],
    [999, "999ms"],
    [1_000, "1s"],
    [1_500, "1500ms"],
    [90_000, "90s"],
    [120_000, "2m"],
    [3_600_000, "1h"],
    [5_400_000, "90m"],
    [0.5, "0.5ms"],
  ])("writes %d as %s, which reads as the same", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
    expect(milliseconds(text as Duration, "text")).toBe(ms);
  });
});

describe("quote", () => {
  const circular: { self?: unknown } = {};
  circular.self = circular;

  it.each<[unknown, string]>([
    ['say "a"', '"say \\"a\\""'],
    [1.5, "1.5"],
    [10n, "10"],
    [true, "true"],
    [null, "null"],
    [undefined, "undefined"],
    [Symbol("s"), "Symbol(s)"],
    [[1, "a"], '[1,"a"]'],
    [function named() {}, "function named"],
    [(() => () => {})(), "function (anonymous)"],
    [{ toJSON: () => undefined }, "[object Object]"],
    [circular, "[object Object]"],
  ])("of %o", (value, text) => {
    expect(quote(value)).toBe(text);
  });
});
