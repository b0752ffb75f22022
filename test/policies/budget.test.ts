import {
  compose,
  constant,
  format,
  type Outcome,
  parse,
  type RetryBudget,
  type RetryOptions,
  retry,
  retryBudget,
  type SharedBudget,
  timeout,
  tokenBudget,
  type Verdict,
} from "ninelives";
import { describe, expect, it } from "vitest";
import { type Stage, stage } from "./stage.ts";

const down = new Error("down");
const eager = (options: RetryOptions) => retry({ backoff: constant(10), jitter: "none", ...options });

/** Lets calls fail at all their attempts; gives how many reached the origin. */
async function failing({ clock, origin, call }: Stage, calls: number): Promise<number> {
  const before = origin.calls.length;
  for (let made = 0; made < calls; made++) {
    const seen = call();
    for (let attempts = 0; seen.seen === "nothing yet" && attempts < 10; attempts++) {
      if (!origin.last.settled) origin.last.fail(down);
      await clock.advance(10);
    }
  }
  return origin.calls.length - before;
}

describe("retry with a budget", () => {
  it("repeats a fifth of the calls at most, and three calls in any case", async () => {
    const staged = stage(eager({ budget: retryBudget() }));
    expect(await failing(staged, 100)).toBeLessThanOrEqual(120);
    expect(staged.sink.of("retry.attempted").length).toBeGreaterThanOrEqual(17);
    expect(staged.clock.pending).toBe(0);
  });

  it("gives up with the reason `budget` when nothing is left, and returns what failed", async () => {
    const staged = stage(eager({ attempts: 10, budget: retryBudget({ minimum: 1 }) }));
    const { clock, origin, sink, call } = staged;
    const seen = call();
    origin.last.fail(new Error("first"));
    await clock.advance(10);
    origin.last.fail(down);
    await clock.advance(0);
    expect(seen.error).toBe(down);
    expect(origin.calls.length).toBe(2);
    expect(sink.of("retry.exhausted")).toEqual([expect.objectContaining({ attempts: 2, reason: "budget" })]);
    const refused = call();
    origin.last.fail(down);
    await clock.advance(0);
    expect(refused.error).toBe(down);
    expect(sink.of("retry.exhausted")[1]).toMatchObject({ attempts: 1, reason: "budget" });
    expect(clock.pending).toBe(0);
  });

  it("takes nothing for a retry that there will not be", async () => {
    const budget = retryBudget({ minimum: 1 });
    const staged = stage(eager({ attempts: 1, budget }));
    expect(await failing(staged, 3)).toBe(3);
    const late = stage(eager({ within: 5, budget }));
    expect(await failing(late, 3)).toBe(3);
    expect(budget.available(0)).toBe(1);
  });

  it("shares a budget between the policies that got the same value", async () => {
    const budget = retryBudget({ minimum: 1, ratio: 0 });
    const [one, other] = [stage(eager({ budget })), stage(eager({ budget }))];
    expect(await failing(one, 1)).toBe(2);
    expect(await failing(other, 1)).toBe(1);
  });

  it("has its budget back after the window", async () => {
    const staged = stage(eager({ budget: retryBudget({ minimum: 2, ratio: 0, window: "5s" }) }));
    expect(await failing(staged, 2)).toBe(4);
    expect(await failing(staged, 2)).toBe(2);
    await staged.clock.advance(5_000);
    expect(await failing(staged, 2)).toBe(4);
  });

  it("retry > timeout: tells the budget that a timeout came before", async () => {
    const spent: unknown[] = [];
    const settled: unknown[] = [];
    const budget: RetryBudget = {
      begin: () => {},
      spend: (_, afterTimeout) => spent.push(afterTimeout) > 0,
      settle: (...how) => settled.push(how),
      available: () => 1,
    };
    const { clock, origin, call } = stage(compose(eager({ budget }), timeout(50)));
    const seen = call();
    await clock.advance(50);
    await clock.advance(10);
    origin.last.succeed("ok");
    await clock.advance(0);
    expect(seen.seen).toEqual({ value: "ok" });
    expect(spent).toEqual([true]);
    expect(settled).toEqual([
      [false, false, false],
      [true, true, true],
    ]);
    expect(clock.pending).toBe(0);
  });

  it("retry > retry: counts a call once where the same budget stands twice", async () => {
    const begun: number[] = [];
    const settled: unknown[] = [];
    const budget: RetryBudget = {
      begin: (now) => begun.push(now),
      spend: () => true,
      settle: (ok, repeated) => settled.push([ok, repeated]),
      available: () => 1,
    };
    const policy = compose(eager({ attempts: 2, budget }), eager({ attempts: 2, budget }));
    const { clock, origin, call } = stage(policy);
    const seen = call();
    for (let made = 0; made < 4; made++) {
      origin.last.fail(down);
      await clock.advance(10);
    }
    expect(seen.error).toBe(down);
    expect(begun).toEqual([0]);
    expect(settled).toEqual([
      [false, false],
      [false, true],
    ]);
  });

  it("tells the budget how attempts end, save those that say nothing of the service", async () => {
    const settled: unknown[] = [];
    const budget: RetryBudget = {
      begin: () => {},
      spend: () => true,
      settle: (ok, repeated) => settled.push([ok, repeated]),
      available: () => 1,
    };
    const classify = (outcome: Outcome): Verdict => {
      const status = "value" in outcome ? outcome.value : 500;
      if (status === 404) return { kind: "ignored", retryable: false };
      return { kind: status === 200 ? "success" : "failure", retryable: status !== 200 };
    };
    const { clock, origin, call } = stage(eager({ budget }), { classify });
    call();
    origin.last.succeed(503);
    await clock.advance(10);
    origin.last.succeed(200);
    await clock.advance(0);
    expect(settled).toEqual([
      [false, false],
      [true, true],
    ]);
    call();
    origin.last.succeed(404);
    await clock.advance(0);
    const controller = new AbortController();
    call({ signal: controller.signal });
    controller.abort();
    origin.last.fail(down);
    await clock.advance(0);
    expect(settled.length).toBe(2);
    expect(clock.pending).toBe(0);
  });
});

describe("token budgets", () => {
  it("of AWS pay for repetitions until 500 tokens are gone", async () => {
    const staged = stage(eager({ attempts: 2, budget: tokenBudget() }));
    expect(await failing(staged, 101)).toBe(201);
  });

  it("of gRPC stop repeating after five failures, until successes have come", async () => {
    const staged = stage(eager({ attempts: 2, budget: tokenBudget({ kind: "grpc" }) }));
    expect(await failing(staged, 1)).toBe(2);
    expect(await failing(staged, 1)).toBe(2);
    expect(await failing(staged, 1)).toBe(1);
    for (let call = 0; call < 10; call++) await staged.succeed();
    expect(await failing(staged, 1)).toBe(1);
    for (let call = 0; call < 11; call++) await staged.succeed();
    expect(await failing(staged, 1)).toBe(2);
  });

  it("take their own numbers", () => {
    expect(tokenBudget({ tokens: 100, cost: 10 }).available(0)).toBe(10);
    const grpc = tokenBudget({ kind: "grpc", tokens: 4, cost: 2, gain: 1 });
    grpc.settle(false, false);
    expect(grpc.available(0)).toBe(0);
    grpc.settle(true, false);
    expect(grpc.available(0)).toBe(Infinity);
  });
});

describe("budgets", () => {
  it.each<[string, () => SharedBudget, string]>([
    ["ratio", () => retryBudget({ ratio: -1 }), "retryBudget: ratio must be a number from 0 to 1, but is -1"],
    ["ratio", () => retryBudget({ ratio: 2 }), "retryBudget: ratio must be a number from 0 to 1, but is 2"],
    ["minimum", () => retryBudget({ minimum: Number.NaN }), "retryBudget: minimum must be a number from 0"],
    ["window", () => retryBudget({ window: 0 }), "retryBudget: window must be longer than 0"],
    ["share", () => retryBudget({ share: 1 } as object), 'retryBudget has no option "share"; it has ratio,'],
    [
      "kind",
      () => tokenBudget({ kind: "gcp" as "aws" }),
      'tokenBudget: kind must be one of aws, grpc, but is "gcp"',
    ],
    ["tokens", () => tokenBudget({ tokens: 0 }), "tokenBudget: tokens must be a number from"],
    ["cost", () => tokenBudget({ cost: -1 }), "tokenBudget: cost must be a number from"],
    ["gain", () => tokenBudget({ gain: -1 }), "tokenBudget: gain must be a number from 0"],
    ["token", () => tokenBudget({ token: 1 } as object), 'tokenBudget has no option "token"; it has kind,'],
  ])("refuse a bad %s when they are made", (_, make, message) => {
    expect(make).toThrow(message);
  });

  it.each([
    "retry(3, budget: retryBudget)",
    "retry(budget: retryBudget(ratio: 0.1, minimum: 5, window: 1m))",
    'retry(budget: tokenBudget(kind: "grpc", tokens: 20))',
    'retry(4, backoff: sequence(0ms, 100ms, 1s), jitter: "decorrelated")',
    "retry(backoff: constant(5s), jitter: 0.3)",
  ])("have a text: %s", (text) => {
    expect(format(parse(text))).toBe(text);
  });

  it("have the text of their options", () => {
    const policy = retry({ attempts: 3, budget: retryBudget({ window: "60s" }), backoff: [1] });
    expect(() => format(policy)).toThrow("backoff");
    expect(format(retry({ budget: retryBudget({ window: "60s" }) }))).toBe(
      "retry(budget: retryBudget(window: 1m))",
    );
  });
});
