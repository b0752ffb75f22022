// The Rust ninelives documents another precedence of its operators than the language gives them.
import {
  answer,
  compose,
  definePolicyFor,
  describe as describePolicy,
  orElse,
  type Policy,
  parse,
  race,
} from "ninelives";
import { describe, expect, it } from "vitest";

type Letters = Policy<string, string>;
const letter = (name: string): Letters =>
  definePolicyFor<string, string>(
    name,
    (next) => async (request, context) => `${name}(${await next(request, context)})`,
  );
const [a, b, c] = [letter("a"), letter("b"), letter("c")];
const failing: Letters = answer<string, string>(() => Promise.reject(new Error("no")));
const scope = { a, b, c, failing };

describe("T16b: & binds tightest, then +, then |, and all are associative", () => {
  it.each<[string, Letters, string]>([
    ["a + b | c", orElse(compose(a, b), c), "a(b(x))"],
    ["failing + b | c", orElse(compose(failing, b), c), "c(x)"],
    ["failing | b + c", orElse(failing, compose(b, c)), "b(c(x))"],
    ["(failing | b) + c", compose(orElse(failing, b), c), "b(c(x))"],
    ["a + failing & b", compose(a, race(failing, b)), "a(b(x))"],
    ["failing & b + c", compose(race(failing, b), c), "b(c(x))"],
    ["failing | failing & b | c", orElse(failing, race(failing, b), c), "b(x)"],
    ["a + b + c", compose(a, compose(b, c)), "a(b(c(x)))"],
    ["failing | failing | c", orElse(failing, orElse(failing, c)), "c(x)"],
  ])("%s", async (text, policy, answered) => {
    const parsed: Letters = parse(text, scope);
    expect(await parsed.wrap(async (request) => request)("x")).toBe(answered);
    expect(await policy.wrap(async (request) => request)("x")).toBe(answered);
    const shape = (described: ReturnType<typeof describePolicy>): unknown =>
      "operator" in described ? [described.operator, ...described.operands.map(shape)] : described.policy;
    const named = JSON.stringify(shape(describePolicy(policy))).replaceAll("answer", "failing");
    expect(JSON.stringify(shape(describePolicy(parsed)))).toBe(named);
  });
});
