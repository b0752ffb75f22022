import {
  type AnyPolicy,
  adaptive,
  answer,
  bulkhead,
  circuitBreaker,
  compose,
  definePolicy,
  definePolicyFor,
  describe as describePolicy,
  ExpressionError,
  exponential,
  fallback,
  identity,
  orElse,
  parse,
  policy,
  race,
  retry,
  type Scope,
  sharedBy,
  standard,
  timeout,
} from "ninelives";
import { describe, expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

const a = timeout(1);
const b = timeout(2);
const c = timeout(3);
const letters = { a, b, c };

/** A tree of single letters. */
const shape = (text: string): string => {
  const read = (description: ReturnType<typeof describePolicy>): string =>
    "operator" in description
      ? `(${description.operands.map(read).join(description.operator)})`
      : description.policy;
  return read(describePolicy(parse(text, letters)));
};

describe("parse", () => {
  it.each<[string, Parameters<typeof describePolicy>[0]]>([
    ["identity", identity],
    ["retry", retry()],
    ["retry()", retry()],
    ["retry(3)", retry(3)],
    ["retry(attempts: 3)", retry(3)],
    [
      "retry(3, backoff: exponential(100ms), jitter: 0.5)",
      retry({ attempts: 3, backoff: exponential(100), jitter: 0.5 }),
    ],
    ["retry(backoff: exponential(1s, factor: 3))", retry({ backoff: exponential("1s", { factor: 3 }) })],
    [
      "retry(backoff: exponential(factor: 3, first: 1s))",
      retry({ backoff: exponential("1s", { factor: 3 }) }),
    ],
    ['retry( 3 ,jitter:"none" )', retry({ attempts: 3, jitter: "none" })],
    ["timeout(5s)", timeout("5s")],
    ["timeout(after: 5s)", timeout("5s")],
    ["timeout(250)", timeout(250)],
    ["timeout(1.5s)", timeout(1_500)],
    ["bulkhead(100)", bulkhead(100)],
    ["bulkhead(10, queue: 5, maximumWait: 2m)", bulkhead({ limit: 10, queue: 5, maximumWait: "2m" })],
    ["circuitBreaker", circuitBreaker()],
    [
      "circuitBreaker(consecutiveFailures: 3, openFor: 50ms)",
      circuitBreaker({ consecutiveFailures: 3, openFor: 50 }),
    ],
    ["circuitBreaker(window: 10)", circuitBreaker({ window: 10 })],
    ["circuitBreaker(window: 10s)", circuitBreaker({ window: "10s" })],
    ['circuitBreaker(name: "a \\"b\\" \\u0063")', circuitBreaker({ name: 'a "b" c' })],
    ["answer(true)", answer(true)],
    ["answer(false)", answer(false)],
    ["answer(-1.5)", answer(-1.5)],
    ["answer(2e3)", answer(2_000)],
    ['answer("")', answer("")],
    ["timeout(10s) + retry(3)", compose(timeout("10s"), retry(3))],
    ["retry\n  + timeout(1s) # 1".replace(" # 1", ""), compose(retry(), timeout(1_000))],
    ["retry | answer(1)", orElse(retry(), answer(1))],
    ["retry & retry(2)", race(retry(), retry(2))],
  ])("%s is what it says", (text, made) => {
    expect(describePolicy(parse(text))).toEqual(describePolicy(made));
  });

  it.each([
    ["a + b + c", "(a+b+c)"],
    ["a + (b + c)", "(a+b+c)"],
    ["(a | b) | c", "(a|b|c)"],
    ["a & (b & c)", "(a&b&c)"],
    ["a & b + c", "((a&b)+c)"],
    ["a + b & c", "(a+(b&c))"],
    ["a + b | c", "((a+b)|c)"],
    ["a | b + c", "(a|(b+c))"],
    ["a | b & c", "(a|(b&c))"],
    ["a & b | c", "((a&b)|c)"],
    ["a | b + c & a", "(a|(b+(c&a)))"],
    ["(a | b) + c", "((a|b)+c)"],
    ["a & (b + c)", "(a&(b+c))"],
    ["((a))", "a"],
  ])("%s groups as %s: & binds tightest, then +, then |", (text, tree) => {
    expect(shape(text)).toBe(tree);
  });

  it("makes a policy that works", async () => {
    const made = parse<unknown, unknown>(
      'timeout(1s) + retry(3, backoff: constant(100ms), jitter: "none") | answer(cached)',
      {
        cached: "stale",
      },
    );
    const { clock, origin, call } = stage(made);
    const seen = call();
    origin.last.fail(new Error("down"));
    await clock.advance(100);
    origin.last.fail(new Error("down"));
    await clock.advance(900);
    expect(seen.seen).toEqual({ value: "stale" });
    expect(origin.calls.length).toBe(3);
    expect(clock.pending).toBe(0);
  });

  it("names what came by a name", () => {
    const scope = {
      n: 4,
      wait: "2s",
      store: sharedBy({ sync: async () => Promise.reject() }),
      slow: compose(a, b),
      stale: {},
    };
    expect(
      describePolicy(parse("slow + retry(n, maximumDelay: wait) + circuitBreaker(shared: store)", scope)),
    ).toEqual({
      operator: "+",
      operands: [
        { policy: "slow", arguments: [] },
        {
          policy: "retry",
          arguments: [{ value: { reference: "n" } }, { name: "maximumDelay", value: { reference: "wait" } }],
        },
        { policy: "circuitBreaker", arguments: [{ name: "shared", value: { reference: "store" } }] },
      ],
    });
    expect(describePolicy(parse("retry(attempts: n, jitter: 1)", scope))).toEqual({
      policy: "retry",
      arguments: [{ value: { reference: "n" } }, { name: "jitter", value: 1 }],
    });
    expect(describePolicy(parse("timeout(after: wait)", scope))).toEqual({
      policy: "timeout",
      arguments: [{ value: { reference: "wait" } }],
    });
  });

  it("keeps what a name stands for: its state is shared", async () => {
    const circuit = circuitBreaker({ consecutiveFailures: 1 });
    const { fail } = stage(parse("circuit + retry(1)", { circuit }));
    await fail();
    expect(circuit.state).toBe("open");
  });

  it("lets a name of the scope stand before a built-in one", async () => {
    const mine = parse("retry + timeout", { retry: answer("mine"), timeout: (): AnyPolicy => identity });
    expect(await mine.execute(async () => "never")).toBe("mine");
    expect(describePolicy(mine)).toMatchObject({ operands: [{ policy: "retry" }, { policy: "timeout" }] });
  });

  it("calls functions of the scope, and shows them as they were written", () => {
    const seen: unknown[] = [];
    const slow = (...args: unknown[]) => {
      seen.push(args);
      return compose(a, b);
    };
    const made = parse("slow(2, wait, exponential(100), loud: true)", { slow, wait: "1s" });
    expect(seen).toEqual([
      [2, "1s", expect.objectContaining({ delay: expect.any(Function) }), { loud: true }],
    ]);
    expect(describePolicy(made)).toEqual({
      policy: "slow",
      arguments: [
        { value: 2 },
        { value: { reference: "wait" } },
        { value: { call: "exponential", arguments: [{ value: 100 }] } },
        { name: "loud", value: true },
      ],
    });
  });

  it("takes adaptive values by their names, first ones too", async () => {
    const attempts = adaptive(1);
    const after = adaptive<number>(500);
    const { clock, call, origin } = stage(
      parse("timeout(after) + retry(attempts) + bulkhead(limit)", { attempts, after, limit: adaptive(9) }),
      {
        random: () => 0,
      },
    );
    attempts.set(2);
    const seen = call();
    origin.last.fail(new Error("down"));
    await clock.advance(500);
    expect(seen.error).toMatchObject({ kind: "timeout" });
    expect(origin.calls.length).toBe(2);
  });

  it("shows what built-in functions join under their own name", () => {
    expect(describePolicy(parse("retry | fallback(5)"))).toEqual({
      operator: "|",
      operands: [
        { policy: "retry", arguments: [] },
        { policy: "fallback", arguments: [{ value: 5 }] },
      ],
    });
    expect(describePolicy(parse("standard"))).toEqual({ policy: "standard", arguments: [] });
    expect(describePolicy(standard())).toMatchObject({ operator: "+" });
    expect(describePolicy(fallback(5))).toMatchObject({ operator: "|" });
  });

  it.each<[string, number, number, string, Scope?]>([
    ["", 1, 1, "found the end, but expected a policy or ("],
    ["  ", 1, 3, "found the end, but expected a policy or ("],
    ["retry retry", 1, 7, 'found "retry", but expected an operator (+ | &) or the end'],
    ["retry )", 1, 7, 'found ")", but expected an operator (+ | &) or the end'],
    ["retry +", 1, 8, "found the end, but expected a policy or ("],
    ["retry\n+ | b", 2, 3, 'found "|", but expected a policy or ('],
    ["(retry", 1, 7, "found the end, but expected an operator (+ | &) or )"],
    ["5s", 1, 1, 'found "5s", but expected a policy or ('],
    ["retry(3", 1, 8, "found the end, but expected , or )"],
    ["retry(3 4)", 1, 9, 'found "4", but expected , or )'],
    ["timeout(10 s)", 1, 12, 'found "s", but expected , or ) (a duration is 10s)'],
    ["timeout(10\nms)", 2, 1, 'found "ms", but expected , or ) (a duration is 10ms)'],
    ["timeout(10 x)", 1, 12, 'found "x", but expected , or )'],
    ["timeout(s s)", 1, 11, 'found "s", but expected , or )', { s: 1 }],
    ["retry(3,)", 1, 9, 'found ")", but expected a number, a duration, a string or a name'],
    ["retry(attempts:)", 1, 16, 'found ")", but expected a number, a duration, a string or a name'],
    ["retry(jitter: 1, 3)", 1, 18, 'found "3" without a name, but expected name: value after named ones'],
    ["retry(jitter: 1, jitter: 0)", 1, 18, "found jitter a second time, but expected it once"],
    ["retry(3, attempts: 4)", 1, 1, "retry got attempts twice"],
    ["retry(3, 4)", 1, 1, "retry takes its options by name, save attempts"],
    ["circuitBreaker(5)", 1, 1, "circuitBreaker takes its options by name"],
    ["timeout(before: 5s)", 1, 1, 'timeout has no option "before"; it has after'],
    ["retry(0)", 1, 1, "retry: attempts must be a whole number of at least 1, but is 0"],
    ["a\n  + retry(tries: 3)", 2, 5, 'retry has no option "tries"; it has attempts, backoff', letters],
    [
      "nothing",
      1,
      1,
      'found "nothing", an unknown policy, but expected one of adaptiveLimit, answer, bulkhead',
    ],
    ["a + nothing", 1, 5, "expected one of a, adaptiveLimit, answer, b, bulkhead", letters],
    ["toString", 1, 1, 'found "toString", an unknown policy'],
    ["five + retry", 1, 1, 'found "five", a value that is no policy, but expected one of', { five: 5 }],
    ["made", 1, 1, "made made no policy, but 5", { made: () => 5 }],
    [
      "made",
      1,
      1,
      "not today",
      {
        made: () => {
          throw new Error("not today");
        },
      },
    ],
    [
      "made",
      1,
      1,
      "a text",
      {
        made: () => {
          // biome-ignore lint/style/useThrowOnlyError: somebody's function may throw anything
          throw "a text";
        },
      },
    ],
    ["retry(n)", 1, 7, 'found "n", an unknown value, but expected one of aimd, aimdRate, constant'],
    ["retry(constructor)", 1, 7, 'found "constructor", an unknown value'],
    [
      "retry(n)",
      1,
      7,
      "expected one of aimd, aimdRate, constant, exponential, gcra, gradient2, linear, m",
      { m: 1 },
    ],
    ["retry(backoff: exponential(x))", 1, 28, 'found "x", an unknown value'],
    [
      "retry(backoff: exponential(100ms, factor: 0))",
      1,
      16,
      "exponential: factor must be a number from 1 to 100",
    ],
    [
      "retry(backoff: exponential(1s, facto: 3))",
      1,
      16,
      'exponential has no option "facto"; it has first, factor',
    ],
    ["retry(backoff: exponential(1s, 3))", 1, 16, "exponential takes its options by name, save first"],
    ["retry(backoff: constant(1s, factor: 3))", 1, 16, 'constant has no option "factor"; it has delay'],
    ["retry(backoff: linear(1s, step: 2s))", 1, 16, "linear got step twice"],
    ["timeout(1s, 2s)", 1, 1, "timeout takes its options by name, save after"],
    ["timeout(1s, after: 2s)", 1, 1, "timeout got after twice"],
    ["rateLimit(5, algorithm: gcra(1))", 1, 25, "gcra takes no options"],
    [
      "retry ? 3",
      1,
      7,
      'found "?", but expected a name, a number, a duration, a string or one of + | & ( ) , :',
    ],
    ["retry(3x)", 1, 7, 'found "3x", but expected a name'],
    ["timeout(5.5.5s)", 1, 9, 'found "5.5.5s", but expected a name'],
    ["a - b", 1, 3, 'found "-", but expected an operator (+ | &) or the end', letters],
    ['answer("x', 1, 8, 'found "\\"", but expected'],
    ['answer("\\x")', 1, 8, 'found the string "\\x", but expected JSON\'s escapes in it'],
    [`${"(".repeat(65)}retry${")".repeat(65)}`, 1, 66, "found more than 64 brackets within each other"],
  ])("%s is no policy: line %d, column %d: %s", (text, line, column, problem, scope = {}) => {
    let thrown: unknown;
    try {
      parse(text, scope);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ExpressionError);
    expect(thrown).toBeInstanceOf(SyntaxError);
    expect(thrown).toMatchObject({ name: "ExpressionError", line, column });
    expect((thrown as Error).message).toContain(`line ${line}, column ${column}: `);
    expect((thrown as Error).message).toContain(problem);
  });

  it("takes 64 brackets within each other", () => {
    expect(shape(`${"(".repeat(64)}a${")".repeat(64)}`)).toBe("a");
  });

  it("tells what was thrown as the cause", () => {
    const cause = new Error("not today");
    const made = () => {
      throw cause;
    };
    expect(() => parse("made", { made })).toThrow(expect.objectContaining({ cause }));
    expect(() => parse("retry +")).toThrow(expect.not.objectContaining({ cause: expect.anything() }));
  });

  it("refuses what is no text", () => {
    expect(() => parse(5 as unknown as string)).toThrow(new TypeError("parse takes a text, but got 5"));
  });

  it("gives each call of a text state of its own", async () => {
    const [first, second] = [
      "circuitBreaker(consecutiveFailures: 1)",
      "circuitBreaker(consecutiveFailures: 1)",
    ].map((text) => stage(parse(text)));
    await first?.fail();
    expect((await second?.succeed())?.seen).toEqual({ value: "ok" });
  });
});

describe("policy`...`", () => {
  it("mixes policies and values into a text", async () => {
    const fast = timeout("1s");
    const cached = { stale: true };
    const made = policy<
      unknown,
      unknown
    >`${fast} | retry(${2}, jitter: ${"none"}) + ${b} | answer(${cached})`;
    expect(describePolicy(made)).toEqual({
      operator: "|",
      operands: [
        { policy: "timeout", arguments: [{ value: { duration: 1_000 } }] },
        {
          operator: "+",
          operands: [
            { policy: "retry", arguments: [{ value: 2 }, { name: "jitter", value: "none" }] },
            { policy: "timeout", arguments: [{ value: { duration: 2 } }] },
          ],
        },
        { policy: "answer", arguments: [{ value: { opaque: cached } }] },
      ],
    });
    const { clock, call } = stage(made);
    const seen = call();
    await clock.advance(5_000);
    expect(seen.seen).toEqual({ value: cached });
  });

  it("takes apart what the same operator joined already", () => {
    expect(describePolicy(policy`${compose(a, b)} + ${c}`)).toMatchObject({
      operator: "+",
      operands: { length: 3 },
    });
  });

  it("of a text alone is that text", () => {
    expect(describePolicy(policy`retry(3)`)).toEqual(describePolicy(retry(3)));
  });

  it.each([
    ["retyr", "retry"],
    ["retr(3)", "retry"],
    ["timeouts(5s)", "timeout"],
    ["Timeout(5s)", "timeout"],
    ["circuitbreaker", "circuitBreaker"],
    ["hedqe", "hedge"],
    ["mime", "mine"],
  ])("asks of %s whether %s was meant", (text, meant) => {
    expect(() => parse(text, { mine: retry() })).toThrow(
      `an unknown policy (did you mean ${meant}?), but expected`,
    );
  });

  it.each(["r", "timer", "toString", "breaker"])("guesses nothing of %s", (text) => {
    expect(() => parse(text)).toThrow(/an unknown policy, but expected/);
  });

  it("tells of a value that is no policy by its place, and lists no such names", () => {
    expect(() => policy`retry + ${5}`).toThrow('line 1, column 9: found "$0", a value that is no policy');
    expect(() => policy`${retry()} + no`).toThrow(/^(?!.*\$0).*"no", an unknown policy/);
    expect(() => policy`${retry()} + retry(no)`).toThrow(/^(?!.*\$0).*"no", an unknown value/);
  });

  it("calls functions that make policies", () => {
    const own = definePolicyFor<string, string>("own", (next) => next);
    const make = (n: number) => (n === 3 ? own : definePolicy("other", (next) => next));
    expect(describePolicy(policy`${make}(3)`)).toMatchObject({ arguments: [{ value: 3 }] });
  });
});
