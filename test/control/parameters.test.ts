import fc from "fast-check";
import { describe as describePolicy, parse } from "ninelives";
import { describe, expect, it } from "vitest";
import {
  differences,
  listParameters,
  parameters,
  treeText,
  withParameter,
  withParameters,
} from "../../src/control/index.ts";
import { boundsOf } from "../../src/control/parameter-bounds.ts";
import { policyTables, valueTables } from "../../src/control/tunables.ts";

const tree = (text: string) => describePolicy(parse(text));
const text = "timeout(10s) + retry(3, backoff: exponential(100ms)) + timeout(after: 1s)";

describe("parameters", () => {
  it("have paths, also the one that stands without its name, and those of a policy's second", () => {
    expect(parameters(tree(text))).toEqual([
      { path: "timeout.after", value: "10s" },
      { path: "retry.attempts", value: "3" },
      { path: "retry.backoff", value: "exponential(100ms)" },
      { path: "timeout#2.after", value: "1s" },
    ]);
  });

  it("know the first option of every policy that may stand without its name", () => {
    const first: Record<string, [string, string]> = {
      adaptiveLimit: ["algorithm", "aimd()"],
      bulkhead: ["limit", "5"],
      chaos: ["rate", "0.1, latency: 5ms"],
      hedge: ["after", "50ms"],
      retry: ["attempts", "2"],
      throttle: ["k", "2"],
      timeout: ["after", "1s"],
    };
    for (const [policy, [option, value]] of Object.entries(first)) {
      const [found] = parameters(tree(`${policy}(${option}: ${value})`));
      expect(found?.path).toBe(`${policy}.${option}`);
    }
  });

  it.each<[string, string | number | boolean, string]>([
    ["retry.attempts", 5, "timeout(10s) + retry(5, backoff: exponential(100ms)) + timeout(1s)"],
    ["retry.backoff", "constant(5ms)", "timeout(10s) + retry(3, backoff: constant(5ms)) + timeout(1s)"],
    ["timeout#2.after", "250ms", "timeout(10s) + retry(3, backoff: exponential(100ms)) + timeout(250ms)"],
    [
      "retry.maximumDelay",
      "5s",
      "timeout(10s) + retry(3, backoff: exponential(100ms), maximumDelay: 5s) + timeout(1s)",
    ],
  ])("write %s", (path, value, expected) => {
    expect(withParameter(text, path, value)).toBe(expected);
  });

  it.each<[string, string, string | number, string]>([
    [
      "retry(backoff: exponential(1s))",
      "retry.backoff.factor",
      3,
      "retry(backoff: exponential(1s, factor: 3))",
    ],
    ["retry(backoff: exponential(1s))", "retry.backoff.first", "2s", "retry(backoff: exponential(2s))"],
    ["retry(budget: retryBudget)", "retry.budget.ratio", 0.5, "retry(budget: retryBudget(ratio: 0.5))"],
    ["hedge(percentile(0.9))", "hedge.after.share", 0.8, "hedge(percentile(0.8))"],
    ["bulkhead(5, queue: 3, maximumWait: 1s)", "bulkhead.queue", 9, "bulkhead(5, queue: 9, maximumWait: 1s)"],
    [
      "circuitBreaker(slowCall: 1s)",
      "circuitBreaker.slowCallRate",
      0.5,
      "circuitBreaker(slowCall: 1s, slowCallRate: 0.5)",
    ],
    ["rateLimit(5)", "rateLimit.per", 5_000, "rateLimit(5, per: 5s)"],
    ["retry", "retry.jitter", "equal", 'retry(jitter: "equal")'],
    ["retry", "retry.jitter", '"none"', 'retry(jitter: "none")'],
    ["circuitBreaker", "circuitBreaker.window", "30s", "circuitBreaker(window: 30s)"],
    ["webService", "webService.openFor", "9s", "webService(openFor: 9s)"],
  ])("of %s write %s", (before, path, value, expected) => {
    expect(withParameter(before, path, value)).toBe(expected);
  });

  it.each<[string, string, string | number, string]>([
    [
      "retry",
      "retry.backoff.first",
      5,
      "retry.backoff is given no value that has a first: write it as a whole",
    ],
    ["retry(backoff: linear(1s))", "retry.backoff.first", 5, "linear"],
    [
      "retry(backoff: linear(1s))",
      "retry.backoff.step.more",
      5,
      "there is no parameter retry.backoff.step.more",
    ],
    ["bulkhead(5)", "bulkhead.queue", 9, "maximumWait is required with a queue"],
    ["circuitBreaker", "circuitBreaker.slowCallRate", 0.5, "slowCallRate does nothing without slowCall"],
  ])("of %s refuse to write %s", (before, path, value, message) => {
    expect(() => withParameter(before, path, value)).toThrow(message);
  });

  it("write the first option of a policy that was given none", () => {
    expect(withParameter("retry", "retry.attempts", 7)).toBe("retry(7)");
    expect(withParameter("retry(backoff: constant(1ms))", "retry.attempts", 7)).toBe(
      "retry(7, backoff: constant(1ms))",
    );
  });

  it.each<[string, string | number, string]>([
    ["hedge.after", 5, "there is no parameter hedge.after; there are timeout.<option>"],
    ["retry", 5, "there is no parameter retry"],
    ["retry.__proto__", 5, "there is no parameter retry.__proto__"],
    ["retry.attempts", 0, "attempts must be"],
    ["retry.pauses", 5, "retry has no option"],
    ["retry.attempts", "3) + timeout(1s", "one value"],
    ["retry.attempts", "3, backoff: constant(1ms)", "one value"],
    ["retry.attempts", "3 |", "line 1"],
  ])("refuse to write %s = %s", (path, value, message) => {
    expect(() => withParameter(text, path, value)).toThrow(message);
  });
});

describe("several parameters", () => {
  it("only have to do together, and go back to their defaults", () => {
    const both = withParameters("bulkhead(5)", { "bulkhead.queue": 9, "bulkhead.maximumWait": "1s" });
    expect(both).toBe("bulkhead(5, queue: 9, maximumWait: 1s)");
    expect(withParameters(both, { "bulkhead.queue": null, "bulkhead.maximumWait": null })).toBe(
      "bulkhead(5)",
    );
    expect(withParameters("retry(7) + retry(8)", { "retry.attempts": null })).toBe("retry + retry(8)");
    expect(withParameters("retry(7)", { "retry.jitter": null })).toBe("retry(7)");
    expect(
      withParameters("retry(backoff: exponential(1s, factor: 3))", { "retry.backoff.factor": null }),
    ).toBe("retry(backoff: exponential(1s))");
  });

  it.each<[Record<string, number | null>, string]>([
    [{ "retry.attempts": 5, "retry.pauses": null }, "retry has no pauses; it has attempts"],
    [{ "retry.attempts": 5, "hedge.after": 5 }, "there is no parameter hedge.after"],
    [{ "timeout.after": null }, "line 1"],
  ])("refuse %j as a whole", (changes, message) => {
    expect(() => withParameters(text, changes)).toThrow(message);
  });
});

describe("a list of parameters", () => {
  it("has what is given and what the defaults are, each with its bounds", () => {
    const listed = listParameters(tree("retry(4, backoff: exponential(50ms)) + timeout(1s)"));
    expect(listed).toEqual([
      {
        path: "retry.attempts",
        value: "4",
        given: true,
        default: "3",
        kind: "whole",
        minimum: 1,
        unit: "calls",
      },
      {
        path: "retry.backoff",
        value: "exponential(50ms)",
        given: true,
        default: "exponential(100ms)",
        kind: "expression",
      },
      {
        path: "retry.backoff.first",
        value: "50ms",
        given: true,
        default: null,
        kind: "duration",
        minimum: 0,
        unit: "ms",
      },
      {
        path: "retry.backoff.factor",
        value: "2",
        given: false,
        default: "2",
        kind: "number",
        minimum: 1,
        maximum: 100,
      },
      {
        path: "retry.jitter",
        value: '"full"',
        given: false,
        default: '"full"',
        kind: "choice",
        choices: ["none", "full", "equal", "decorrelated"],
        minimum: 0,
        maximum: 1,
      },
      {
        path: "retry.maximumDelay",
        value: "30s",
        given: false,
        default: "30s",
        kind: "duration",
        minimum: 0,
        unit: "ms",
      },
      {
        path: "retry.within",
        value: null,
        given: false,
        default: null,
        kind: "duration",
        minimum: 0,
        unit: "ms",
      },
      {
        path: "timeout.after",
        value: "1s",
        given: true,
        default: null,
        kind: "duration",
        minimum: 0,
        unit: "ms",
      },
    ]);
  });

  it("has of a preset what is given, since its defaults are its own, and of what has no table its arguments", () => {
    const shown = (policy: string) =>
      listParameters(tree(policy)).map(({ path, value, kind }) => [path, value, kind]);
    const preset = shown("webService(probes: 2) + identity");
    expect(preset.slice(0, 2)).toEqual([
      ["webService.probes", "2", "whole"],
      ["webService.consecutiveFailures", null, "whole"],
    ]);
    expect(shown('answer("no")')).toEqual([["answer.1", '"no"', "expression"]]);
    expect(shown("circuitBreaker").find(([path]) => path === "circuitBreaker.openFor")).toEqual([
      "circuitBreaker.openFor",
      "30s",
      "duration",
    ]);
  });

  const options = [...Object.entries(policyTables), ...Object.entries(valueTables)].flatMap(([name, table]) =>
    Object.entries(table)
      .filter(([, { fixed }]) => !fixed)
      .map(([option, row]) => [`${name}.${option}`, row, boundsOf(name, option)] as const),
  );

  it.each(options)("is as strict as the policies are: %s", (_, { check }, bounds) => {
    const takes = (value: unknown) => expect(() => check(value as never, "x"), `${value}`).not.toThrow();
    const refuses = (value: unknown) => expect(() => check(value as never, "x"), `${value}`).toThrow();
    const { kind, minimum, maximum, exclusiveMinimum, choices = [] } = bounds;
    for (const choice of choices) takes(choice);
    if (kind === "flag") takes(true);
    if (kind === "flag" || kind === "choice" || kind === "expression") return refuses({});
    const least = minimum as number;
    if (exclusiveMinimum) refuses(least);
    else takes(least);
    refuses(least - (kind === "number" ? 1e-9 : 1));
    if (maximum === undefined) takes(1e9);
    else {
      takes(maximum);
      refuses(maximum + 1e-6);
    }
    if (kind === "whole" || kind === "window") refuses(least + 0.5);
    if (kind === "duration" || kind === "window") takes("5s");
  });
});

describe("differences", () => {
  it("are none between equals, and name what changed by its path", () => {
    expect(differences(tree(text), tree(text))).toEqual([]);
    expect(differences(tree("retry(3) + timeout(1s)"), tree("retry(5) + timeout(1s)"))).toEqual([
      { path: "retry.attempts", before: "3", after: "5" },
    ]);
    expect(differences(tree("retry(3)"), tree("timeout(1s) + retry(3, backoff: constant(1ms))"))).toEqual([
      { path: "structure", before: "retry", after: "timeout + retry" },
      { path: "timeout.after", before: null, after: "1s" },
      { path: "retry.backoff", before: null, after: "constant(1ms)" },
    ]);
    expect(differences(tree("(retry | timeout(1s)) + hedge"), tree("retry | timeout(1s) + hedge"))).toEqual([
      { path: "structure", before: "(retry | timeout) + hedge", after: "retry | timeout + hedge" },
    ]);
  });
});

describe("treeText", () => {
  const leaf = fc.constantFrom(
    "retry(3, backoff: exponential(100ms, factor: 3))",
    "timeout(250ms)",
    "circuitBreaker(consecutiveFailures: 3, openFor: 50ms)",
    "bulkhead(5, queue: 3, maximumWait: 1s)",
    "standard",
    "identity",
    'hedge | answer("a \\"b\\"")',
  );
  const texts = fc
    .array(fc.tuple(leaf, fc.constantFrom("+", "|", "&")), { minLength: 1, maxLength: 8 })
    .map((parts) =>
      parts.map(([part, operator], index) => (index === 0 ? part : `${operator} (${part})`)).join(" "),
    );

  it("goes from a tree by JSON back to an equal tree", () => {
    fc.assert(
      fc.property(texts, (given) => {
        const before = tree(given);
        const after = tree(treeText(JSON.parse(JSON.stringify(before))));
        expect(after).toEqual(before);
      }),
    );
  });

  it.each<[unknown, string]>([
    [null, "tree must be an object, but is null"],
    [{}, "tree.policy must be a name, but is missing"],
    [{ policy: "retry) | x", arguments: [] }, "tree.policy must be a name"],
    [{ policy: "retry" }, "tree.arguments must be a list, but is missing"],
    [{ policy: "retry", arguments: [], more: 1 }, 'tree must be without "more"'],
    [{ policy: "retry", arguments: [{ value: null }] }, "tree.arguments[0].value must be an object"],
    [{ policy: "retry", arguments: [{ value: {} }] }, "tree.arguments[0].value.call must be a name"],
    [{ policy: "retry", arguments: [{ value: { opaque: 1 } }] }, 'must be without "opaque"'],
    [
      { policy: "timeout", arguments: [{ value: { duration: -1 } }] },
      "duration must be a number of milliseconds",
    ],
    [{ operator: "*", operands: [] }, "tree.operator must be one of + | &"],
    [{ operator: "+", operands: [] }, "tree.operands must be a list of at least two"],
    [{ operator: "+", operands: [{}, {}] }, "tree.operands[0].policy must be a name"],
  ])("says of %j what is wrong", (given, message) => {
    expect(() => treeText(given)).toThrow(message);
  });

  it("refuses a tree that is too deep, and throws nothing but what it says, whatever it is given", () => {
    let deep: unknown = { policy: "retry", arguments: [] };
    for (let depth = 0; depth < 70; depth++) deep = { operator: "+", operands: [deep, deep] };
    expect(() => treeText(deep)).toThrow("at most 64 deep");
    fc.assert(
      fc.property(fc.jsonValue(), (given) => {
        try {
          treeText(given);
        } catch (error) {
          expect(error).toMatchObject({ kind: "invalid-arguments" });
        }
      }),
    );
  });
});
