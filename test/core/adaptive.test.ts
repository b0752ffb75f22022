import { adaptive, type Context, keyed, retry, timeout } from "ninelives";
import { describe, expect, it } from "vitest";
import { isAdaptive, tunable } from "../../src/core/adaptive.ts";
import { settings } from "../../src/core/options.ts";

const positive = (value: number): number => {
  if (value > 0) return value * 10;
  throw new RangeError(`not positive: ${value}`);
};
const nowhere = {} as Context;

describe("adaptive", () => {
  it("reads as what it was last set to, and numbers its changes", () => {
    const value = adaptive(1);
    expect([value.get(), value.value, value.version]).toEqual([1, 1, 0]);
    value.set(2);
    value.update((before) => before + 3);
    expect([value.get(), value.value, value.version]).toEqual([5, 5, 2]);
  });

  it("tells its subscribers of each change, until they leave", () => {
    const value = adaptive("a");
    const heard: string[] = [];
    const leave = value.subscribe((news) => heard.push(news));
    value.set("b");
    value.set("b");
    leave();
    value.set("c");
    expect(heard).toEqual(["b", "b"]);
  });

  it("refuses what its validator throws of, at the start too, and keeps the value in force", () => {
    expect(() => adaptive(0, (value) => void positive(value))).toThrow("not positive: 0");
    const value = adaptive(1, (given) => void positive(given));
    const heard: number[] = [];
    value.subscribe((news) => heard.push(news));
    expect(() => value.set(-1)).toThrow("not positive: -1");
    expect([value.get(), value.version, heard]).toEqual([1, 0, []]);
    value.set(7);
    expect([value.get(), heard]).toEqual([7, [7]]);
  });

  it.each<[unknown, object, unknown, unknown, string]>([
    [3, { minimum: 1, maximum: 5 }, 5, 6, "adaptive: value must be at least 1 and at most 5, but is 6"],
    [3, { minimum: 1 }, 1, 0, "adaptive: value must be at least 1, but is 0"],
    [3, { maximum: 5 }, -1, 5.5, "adaptive: value must be at most 5, but is 5.5"],
    ["2s", { minimum: "100ms", maximum: "10s" }, 150, "11s", 'at most 10s, but is "11s"'],
    ["2s", { minimum: 100 }, "0.1s", "99ms", 'adaptive: value must be at least 100, but is "99ms"'],
    ["2s", { maximum: "1m" }, "60s", "soon", "adaptive: value must be a duration such as"],
    [3, { maximum: 5 }, 4, Number.NaN, "adaptive: value must be at most 5, but is NaN"],
  ])("keeps its bounds: %j within %j may be %j and not %j", (initial, bounds, good, bad, message) => {
    const value = adaptive(initial, bounds);
    value.set(good);
    expect(() => value.set(bad)).toThrow(message);
    expect([value.get(), value.version, value.bounds]).toEqual([good, 1, bounds]);
    expect(() => adaptive(bad, bounds)).toThrow(message);
    value.set(initial);
    expect(value.get()).toBe(initial);
  });

  it("is validated beside its bounds", () => {
    const even = (value: number): void => {
      if (value % 2 !== 0) throw new RangeError(`odd: ${value}`);
    };
    const value = adaptive(2, { maximum: 8, validate: even });
    expect(() => value.set(3)).toThrow("odd: 3");
    expect(() => value.set(10)).toThrow("at most 8");
    value.set(8);
    expect([value.get(), adaptive(1).bounds]).toEqual([8, {}]);
  });

  it("refuses what a policy that uses it cannot use", () => {
    const after = adaptive<number>(100);
    timeout(after);
    expect(() => after.set(Number.NaN)).toThrow("timeout: after");
    expect(after.get()).toBe(100);
  });

  it("is refused by a policy that cannot use the value in force, and does not remember that policy", () => {
    const attempts = adaptive(0);
    expect(() => retry({ attempts })).toThrow("retry: attempts");
    attempts.set(-1);
    expect(attempts.get()).toBe(-1);
  });

  it("checks once however many policies read it, so that policies may come and go", () => {
    let checks = 0;
    const check = (value: number): number => {
      checks++;
      return value;
    };
    const value = adaptive(1);
    for (let made = 0; made < 50; made++) tunable(value, check, "x");
    checks = 0;
    value.set(2);
    expect(checks).toBe(1);
    const policy = keyed(() => timeout(value));
    for (let key = 0; key < 50; key++) policy.of(String(key));
    value.set(3);
    expect(value.version).toBe(2);
  });

  it("checks once for each option, however many policies take it as one", () => {
    const checked: string[] = [];
    const check = (value: number, option: string): number => {
      checked.push(option);
      return value;
    };
    const value = adaptive(1);
    for (let made = 0; made < 50; made++) settings("a", { n: value }, { n: { check } });
    settings("b", { n: value }, { n: { check } });
    checked.length = 0;
    value.set(2);
    expect(checked).toEqual(["a: n", "b: n"]);
  });

  it("is told from other values", () => {
    expect([adaptive(1), 1, null, { get: () => 1, set() {} }].map(isAdaptive)).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});

describe("tunable", () => {
  it("checks a plain value once", () => {
    let checks = 0;
    const read = tunable(
      2,
      (value: number) => {
        checks++;
        return positive(value);
      },
      "x",
    );
    expect([read(nowhere), read(nowhere), checks]).toEqual([20, 20, 1]);
    expect(() => tunable(0, positive, "x")).toThrow("not positive: 0");
  });

  it("follows an adaptive value, and checks at each change", () => {
    const value = adaptive(2);
    const read = tunable(value, positive, "x");
    expect(read(nowhere)).toBe(20);
    value.set(3);
    expect([read(nowhere), read(nowhere)]).toEqual([30, 30]);
    expect(() => value.set(-3)).toThrow("not positive: -3");
    expect(read(nowhere)).toBe(30);
  });

  it("asks a function at each call, with the context, and checks what it gives", () => {
    const read = tunable(({ attempt }: Context) => attempt, positive, "x");
    expect([1, 2].map((attempt) => read({ attempt } as Context))).toEqual([10, 20]);
    expect(() => read({ attempt: 0 } as Context)).toThrow("not positive: 0");
  });
});
