import { adaptive, type Context, constant, type Duration } from "ninelives";
import { describe, expect, it } from "vitest";
import { span } from "../../src/core/check.ts";
import { Context as MadeContext } from "../../src/core/context.ts";
import { describe as describePolicy } from "../../src/core/description.ts";
import {
  as,
  between,
  callable,
  count,
  duration,
  flag,
  having,
  oneOf,
  rulesOf,
  settings,
  text,
} from "../../src/core/options.ts";

const context = MadeContext.begin();

const table = {
  times: { check: count() },
  after: { check: duration, initial: "1s" },
  home: { check: having<{ sync(): void }>("sync", "a store"), fixed: true },
  way: { check: callable<() => number>, required: true, fixed: true },
  every: { check: span, initial: 5, duration: true },
  window: { check: as<number | string>(), initial: 100, duration: "text", fixed: true },
} as const;

const way = () => 7;

describe("settings", () => {
  it("read what was given, checked and as the policy uses it", () => {
    const home = { sync() {} };
    const { read } = settings("x", { times: 3, after: "2s", home, way, every: "1m", window: 20 }, table);
    expect(read.times(context)).toBe(3);
    expect(read.after(context)).toBe(2_000);
    expect(read.home(context)).toBe(home);
    expect(read.every(context)).toBe(60_000);
    expect(read.window(context)).toBe(20);
  });

  it("read the initial value of what was not given, or nothing", () => {
    const { read } = settings("x", { way, after: undefined }, table);
    expect(read.times(context)).toBe(undefined);
    expect(read.after(context)).toBe(1_000);
    expect(read.home(context)).toBe(undefined);
    expect(read.every(context)).toBe(5);
    expect(read.window(context)).toBe(100);
  });

  it("read an adaptive value at each call, and refuse a bad one when it is set", () => {
    const times = adaptive(1);
    const { read } = settings("x", { way, times }, table);
    times.set(4);
    expect(read.times(context)).toBe(4);
    expect(() => times.set(0)).toThrow("x: times must be a whole number of at least 1, but is 0");
    expect(read.times(context)).toBe(4);
  });

  it("take an adaptive value of nothing for an option that was not given", () => {
    const [times, after] = [adaptive<number | undefined>(undefined), adaptive<Duration | undefined>("3s")];
    const { read } = settings("x", { way, times, after }, table);
    expect([read.times(context), read.after(context)]).toEqual([undefined, 3_000]);
    times.set(4);
    after.set(undefined);
    expect([read.times(context), read.after(context)]).toEqual([4, 1_000]);
    times.set(undefined);
    expect(read.times(context)).toBe(undefined);
    const needed = { n: { check: count(), required: true } } as const;
    expect(() => settings("y", { n: adaptive(undefined) }, needed)).toThrow("y: n must be a whole number");
  });

  it("take a function for the value where none may ask for the context", () => {
    const asked = { a: { check: as<unknown>(), contextless: true } } as const;
    expect(settings("x", { a: way }, asked).read.a(context)).toBe(way);
    expect(settings("x", { a: adaptive(way) }, asked).read.a(context)).toBe(way);
  });

  it("ask a function of the context at each call, and check what it says", () => {
    const asked: Context[] = [];
    const { read } = settings("x", { way, times: (of: Context) => asked.push(of) - 1 }, table);
    expect(asked).toEqual([]);
    expect(() => read.times(context)).toThrow("x: times must be a whole number of at least 1, but is 0");
    expect(read.times(context)).toBe(1);
    expect(asked).toEqual([context, context]);
  });

  it("take a fixed option as it is: a function is the value", () => {
    const { read } = settings("x", { way }, table);
    expect(read.way(context)).toBe(way);
  });

  it.each<[object, string]>([
    [{ way, time: 3 }, 'x has no option "time"; it has times, after, home, way, every, window'],
    [{ way, times: 0 }, "x: times must be a whole number of at least 1, but is 0"],
    [{ way, after: "soon" }, "x: after must be a duration such as"],
    [{ way, home: {} }, "x: home must be a store, but is {}"],
    [{}, "x: way must be a function, but is undefined"],
    [{ way: null }, "x: way must be a function, but is undefined"],
  ])("refuse %j", (given, message) => {
    expect(() => settings("x", given, table)).toThrow(message);
  });

  it("describe what was given, in the order of the table, the first without its name", () => {
    const given = { window: "30s", every: 10, way, after: 500, times: 2 };
    expect(describePolicy(settings("x", given, table))).toEqual({
      policy: "x",
      arguments: [
        { value: 2 },
        { name: "after", value: { duration: 500 } },
        { name: "way", value: { opaque: way } },
        { name: "every", value: { duration: 10 } },
        { name: "window", value: { duration: 30_000 } },
      ],
    });
  });

  it("describe a number as one where only a text is a duration, and nothing of what was not given", () => {
    expect(describePolicy(settings("x", { way, window: 30, times: undefined }, table))).toEqual({
      policy: "x",
      arguments: [
        { name: "way", value: { opaque: way } },
        { name: "window", value: 30 },
      ],
    });
  });

  it("describe the first by its name where it may not stand without", () => {
    const named = { name: { check: text, named: true } } as const;
    expect(describePolicy(settings("x", { name: "a" }, named))).toEqual({
      policy: "x",
      arguments: [{ name: "name", value: "a" }],
    });
  });

  it("describe what knows its own text by that, and an adaptive value as it is now", () => {
    const loose = { a: { check: as<unknown>(), fixed: true }, b: { check: count() } } as const;
    const made = settings("x", { a: constant("1s"), b: adaptive(3) }, loose);
    expect(describePolicy(made)).toEqual({
      policy: "x",
      arguments: [
        { value: { call: "constant", arguments: [{ value: { duration: 1_000 } }] } },
        { name: "b", value: 3 },
      ],
    });
  });
});

describe("rules of a value", () => {
  it("are its options as they are now", () => {
    const after = adaptive<Duration>("2s");
    const { rules, recipe } = rulesOf("x", { times: 3, after }, { times: table.times, after: table.after });
    expect([rules.times, rules.after]).toEqual([3, 2_000]);
    after.set(10);
    expect([rules.times, rules.after]).toEqual([3, 10]);
    expect(recipe.call).toBe("x");
    expect(() => after.set(-1)).toThrow("x: after must be a duration");
    expect(() => rulesOf("x", { time: 3 }, { times: table.times })).toThrow('x has no option "time"');
    expect(() => rulesOf("x", { times: () => 3 }, { times: table.times })).toThrow("x: times must be");
  });
});

describe("checks", () => {
  const sync = () => {};

  it.each<[string, () => unknown, unknown]>([
    ["duration", () => duration("1m", "x"), 60_000],
    ["flag", () => [flag(true, "x"), flag(false, "x")], [true, false]],
    ["count", () => [count()(1, "x"), count(0)(0, "x")], [1, 0]],
    ["between", () => [between(1, 2)(1, "x"), between(1, 2)(2, "x")], [1, 2]],
    ["text", () => [text("", "x"), text("a", "x")], ["", "a"]],
    ["oneOf", () => oneOf("a", "b")("b", "x"), "b"],
    ["as", () => as<unknown>()(null, "x"), null],
    ["callable", () => callable(sync as never, "x"), sync],
    ["having", () => having<{ sync(): void }>("sync", "a store")({ sync }, "x"), { sync }],
    // A function may have methods, as a percentile does.
    ["having", () => having<{ sync(): void }>("sync", "a store")(Object.assign(way, { sync }), "x"), way],
  ])("%s takes what it should", (_, check, expected) => {
    expect(check()).toEqual(expected);
  });

  it.each<[() => unknown, new (message: string) => Error, string]>([
    [() => duration(-1, "x: a"), RangeError, "x: a must be a duration such as"],
    [() => flag(1 as never, "x: a"), TypeError, "x: a must be true or false, but is 1"],
    [() => flag("true" as never, "x: a"), TypeError, 'x: a must be true or false, but is "true"'],
    [() => count()(0, "x: a"), RangeError, "x: a must be a whole number of at least 1, but is 0"],
    [() => count(5)(4, "x: a"), RangeError, "x: a must be a whole number of at least 5, but is 4"],
    [() => between(1, 2)(0.9, "x: a"), RangeError, "x: a must be a number from 1 to 2, but is 0.9"],
    [() => between(1, 2)(2.1, "x: a"), RangeError, "x: a must be a number from 1 to 2, but is 2.1"],
    [() => text(5 as never, "x: a"), TypeError, "x: a must be a text, but is 5"],
    [() => oneOf("a", "b")("c" as never, "x: a"), TypeError, 'x: a must be one of a, b, but is "c"'],
    [() => callable({} as never, "x: a"), TypeError, "x: a must be a function, but is {}"],
    ...[undefined, null, 5, "sync", {}, { sync: 1 }].map(
      (value) =>
        [
          () => having<{ sync(): void }>("sync", "a store")(value as never, "x: a"),
          TypeError,
          "x: a must be a store, but is ",
        ] as [() => unknown, new (message: string) => Error, string],
    ),
  ])("%# refuses with an error that names the option and quotes the value", (check, type, message) => {
    expect(check).toThrow(type);
    expect(check).toThrow(message);
  });
});
