import { describe, expect, it } from "vitest";
import { RatioBudget, type RetryBudget, TokenBudget } from "../../src/state/retry-budget.ts";

/** How many repetitions it gives before it refuses one. */
function spendAll(budget: RetryBudget, now: number): number {
  let spent = 0;
  while (spent < 1_000 && budget.spend(now)) spent++;
  return spent;
}

const begin = (budget: RetryBudget, calls: number, now: number): void => {
  for (let call = 0; call < calls; call++) budget.begin(now);
};

describe("ratio budget", () => {
  it.each([
    ["the minimum, without calls", 0, 3],
    ["the minimum, while it is more than the share", 14, 3],
    ["the share, once it is more than the minimum", 20, 4],
    ["the share", 100, 20],
  ])("gives %s", (_, calls, repetitions) => {
    const budget = new RatioBudget({ ratio: 0.2, minimum: 3, window: 10_000 });
    begin(budget, calls, 0);
    expect(budget.available(0)).toBe(repetitions);
    expect(spendAll(budget, 0)).toBe(repetitions);
    expect(budget.available(0)).toBe(0);
  });

  it("gives no half repetitions", () => {
    const budget = new RatioBudget({ ratio: 0.5, minimum: 0, window: 10_000 });
    begin(budget, 1, 0);
    expect(budget.available(0)).toBe(0);
    expect(budget.spend(0)).toBe(false);
    begin(budget, 1, 0);
    expect(budget.spend(0)).toBe(true);
  });

  it("forgets calls and repetitions after its window", () => {
    const budget = new RatioBudget({ ratio: 0.2, minimum: 3, window: 10_000 });
    begin(budget, 100, 0);
    spendAll(budget, 9_000);
    expect(budget.available(9_999)).toBe(0);
    // The calls are gone while what they allowed is still spent.
    expect(budget.available(10_000)).toBe(0);
    expect(budget.available(18_999)).toBe(0);
    expect(budget.available(19_000)).toBe(3);
  });

  it("does not mind how calls end", () => {
    const budget = new RatioBudget({ ratio: 0.2, minimum: 3, window: 10_000 });
    for (let call = 0; call < 100; call++) budget.settle();
    expect(budget.available(0)).toBe(3);
  });
});

describe("token budget of AWS", () => {
  const aws = (): TokenBudget => new TokenBudget({ tokens: 500, cost: 5, gain: 1 }, false);

  it("pays 5 tokens for each repetition", () => {
    expect(aws().available()).toBe(100);
    expect(spendAll(aws(), 0)).toBe(100);
  });

  it("gets 1 back for a success, and 5 for a repetition that succeeds", () => {
    const budget = aws();
    spendAll(budget, 0);
    for (let call = 0; call < 4; call++) budget.settle(true, false);
    expect(budget.spend()).toBe(false);
    budget.settle(true, false);
    expect(budget.spend()).toBe(true);
    budget.settle(true, true);
    expect(budget.spend()).toBe(true);
    expect(budget.spend()).toBe(false);
  });

  it("takes 10 for a repetition after a timeout, and gives them back when that succeeds", () => {
    const budget = new TokenBudget({ tokens: 20, cost: 5, gain: 1 }, false);
    expect(budget.spend(0, true)).toBe(true);
    expect(budget.spend(0, true)).toBe(true);
    expect(budget.spend(0, true)).toBe(false);
    expect(budget.spend(0, false)).toBe(false);
    budget.settle(true, true, true);
    expect(budget.available()).toBe(2);
  });

  it("loses no part of a token", () => {
    const budget = new TokenBudget({ tokens: 10, cost: 1, gain: 0.1 }, false);
    expect(spendAll(budget, 0)).toBe(10);
    for (let call = 0; call < 10; call++) budget.settle(true, false);
    expect(budget.available()).toBe(1);
  });

  it("is never fuller than at the start, and does not pay for failures", () => {
    const budget = aws();
    budget.settle(true, true);
    budget.begin();
    for (let call = 0; call < 10; call++) budget.settle(false, true);
    expect(budget.available()).toBe(100);
  });
});

describe("token budget of gRPC", () => {
  const grpc = (): TokenBudget => new TokenBudget({ tokens: 10, cost: 1, gain: 0.1 }, true);
  const fail = (budget: TokenBudget, times: number): void => {
    for (let call = 0; call < times; call++) budget.settle(false, false);
  };

  it("pays for failures, and repeats as long as more than half is left", () => {
    const budget = grpc();
    fail(budget, 4);
    expect([budget.available(), budget.spend()]).toEqual([Infinity, true]);
    fail(budget, 1);
    expect([budget.available(), budget.spend()]).toEqual([0, false]);
  });

  it("needs ten successes for a failure, whether they were repetitions or not", () => {
    const budget = grpc();
    fail(budget, 6);
    for (let call = 0; call < 10; call++) budget.settle(true, call % 2 === 0);
    expect(budget.spend()).toBe(false);
    budget.settle(true, true);
    expect(budget.spend()).toBe(true);
  });

  it("is never emptier than empty", () => {
    const budget = grpc();
    fail(budget, 100);
    for (let call = 0; call < 50; call++) budget.settle(true, false);
    expect(budget.spend()).toBe(false);
    budget.settle(true, false);
    expect(budget.spend()).toBe(true);
  });
});
