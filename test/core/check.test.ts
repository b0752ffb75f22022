import type { Duration } from "ninelives";
import { describe, expect, it } from "vitest";
import { known, span, whole, within } from "../../src/core/check.ts";

describe("within", () => {
  it.each([0, 0.5, 1])("takes %d from 0 to 1", (value) => {
    expect(within(value, "x: rate", 0, 1)).toBe(value);
  });

  it.each([
    [-0.1, "-0.1"],
    [1.1, "1.1"],
    [Number.NaN, "NaN"],
    ["0.5", '"0.5"'],
  ])("refuses %j from 0 to 1", (value, quoted) => {
    expect(() => within(value as number, "x: rate", 0, 1)).toThrow(
      new RangeError(`x: rate must be a number from 0 to 1, but is ${quoted}`),
    );
  });
});

describe("whole", () => {
  it.each([
    [1, 1],
    [0, 0],
    [Number.MAX_SAFE_INTEGER, 1],
  ])("takes %d of at least %d", (value, least) => {
    expect(whole(value, "x: limit", least)).toBe(value);
  });

  it.each([
    [0, 1, "0"],
    [-1, 0, "-1"],
    [1.5, 1, "1.5"],
    [Number.POSITIVE_INFINITY, 1, "Infinity"],
    ["3", 1, '"3"'],
    [undefined, 1, "undefined"],
  ])("refuses %j of at least %d", (value, least, quoted) => {
    expect(() => whole(value as number, "x: limit", least)).toThrow(
      new RangeError(`x: limit must be a whole number of at least ${least}, but is ${quoted}`),
    );
  });

  it("asks for at least 1 unless told otherwise", () => {
    expect(() => whole(0, "x: limit")).toThrow(RangeError);
    expect(whole(1, "x: limit")).toBe(1);
  });
});

describe("span", () => {
  it("takes a duration that lasts", () => {
    expect(span("1s", "x: window")).toBe(1_000);
  });

  it.each<[Duration, string]>([
    [0, "0"],
    ["0s", '"0s"'],
  ])("refuses %j", (value, quoted) => {
    expect(() => span(value, "x: window")).toThrow(
      new RangeError(`x: window must be longer than 0, but is ${quoted}`),
    );
  });
});

describe("known", () => {
  it("takes options that exist", () => {
    expect(() => known({ a: 1 }, "x", ["a", "b"])).not.toThrow();
  });

  it.each([undefined, null, 3, "a"])("refuses what is no options at all: %j", (value) => {
    expect(() => known(value as never, "x", ["a", "b"])).toThrow(
      new TypeError(
        `x must be an object with a, b, but is ${value === undefined ? value : JSON.stringify(value)}`,
      ),
    );
  });

  it("refuses one that does not, and lists those that do", () => {
    expect(() => known({ a: 1, c: undefined }, "x", ["a", "b"])).toThrow(
      new TypeError('x has no option "c"; it has a, b'),
    );
  });
});
