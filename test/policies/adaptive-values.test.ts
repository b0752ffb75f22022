import {
  type Adaptive,
  type AnyBackoff,
  type AnyPolicy,
  adaptive,
  adaptiveLimit,
  aimd,
  aimdRate,
  bulkhead,
  type CircuitBreakerOptions,
  cache,
  chaos,
  circuitBreaker,
  constant,
  type Duration,
  exponential,
  gradient2,
  hedge,
  keyed,
  linear,
  type Outcome,
  type PolicyEvent,
  percentile,
  type RejectedError,
  type RetryOptions,
  rateLimit,
  retry,
  retryBudget,
  sequence,
  throttle,
  timeout,
  tokenBudget,
  type Verdict,
  vegas,
} from "ninelives";
import { describe, expect, it } from "vitest";
import { Context } from "../../src/core/context.ts";
import type { Table } from "../../src/core/options.ts";
import { adaptiveLimitOptions } from "../../src/policies/adaptive-limit.ts";
import { retryBudgetTable, tokenBudgetTable } from "../../src/policies/budget.ts";
import { bulkheadOptions } from "../../src/policies/bulkhead.ts";
import { cacheOptions } from "../../src/policies/cache.ts";
import { chaosOptions } from "../../src/policies/chaos.ts";
import { circuitBreakerOptions } from "../../src/policies/circuit-breaker.ts";
import { coalesceOptions } from "../../src/policies/coalesce.ts";
import { hedgeOptions } from "../../src/policies/hedge.ts";
import { aimdTable, gradient2Table, vegasTable } from "../../src/policies/limit-algorithms.ts";
import { percentileTable } from "../../src/policies/percentile.ts";
import { aimdRateTable } from "../../src/policies/rate-feedback.ts";
import { rateLimitOptions } from "../../src/policies/rate-limit.ts";
import { retryOptions } from "../../src/policies/retry.ts";
import { throttleOptions } from "../../src/policies/throttle.ts";
import { timeoutOptions } from "../../src/policies/timeout.ts";
import { type Stage, stage } from "./stage.ts";

/** Looks at what a policy does now. The policy stays the same from one look to the next. */
type Look = () => unknown;

interface Row {
  /** Such as `retry.attempts`. */
  readonly of: string;
  readonly from: unknown;
  readonly to: unknown;
  readonly bad: unknown;
  /** What is seen with the first value, and what with the second. */
  readonly seen: readonly [before: unknown, after: unknown];
  // A method, so that a row of any type of value is one.
  make(value: Adaptive<never>): Look;
}

const down = new Error("down");
const row = <T>(
  of: string,
  from: T,
  to: T,
  bad: T,
  seen: Row["seen"],
  make: (value: Adaptive<T>) => Look,
): Row => ({
  of,
  from,
  to,
  bad,
  seen,
  make: make as Row["make"],
});

const classify = (outcome: Outcome): Verdict => {
  if ("error" in outcome) return { kind: "failure", retryable: true };
  const asked = outcome.value as { readonly retryAfter?: number };
  if (outcome.value === 429) return { kind: "ignored", retryable: true };
  if (asked.retryAfter !== undefined)
    return { kind: "ignored", retryable: true, retryAfter: asked.retryAfter };
  return { kind: "success", retryable: false };
};

const half = () => 0.5;
const newest = <T extends PolicyEvent["type"]>({ sink }: Stage, type: T) =>
  sink.events.findLast((event): event is Extract<PolicyEvent, { type: T }> => event.type === type);

/** How many calls reach the origin when this is done. */
async function sent({ origin }: Stage, act: () => unknown): Promise<number> {
  const before = origin.calls.length;
  await act();
  return origin.calls.length - before;
}

/** Milliseconds until a call is over of which the origin answers nothing. */
async function patience(at: Stage): Promise<number> {
  const call = at.call();
  for (let ms = 0; ms <= 10_000; ms += 50) {
    await at.clock.advance(ms === 0 ? 0 : 50);
    if (call.seen !== "nothing yet") return ms;
  }
  return Infinity;
}

async function answerAll({ origin, clock }: Stage): Promise<void> {
  for (const call of origin.calls) if (!call.settled) call.succeed("ok");
  await clock.advance(0);
}

function retrying(options: RetryOptions): Look {
  const at = stage(retry({ attempts: 2, backoff: constant(1_000), jitter: "none", ...options }), {
    random: half,
  });
  return async () => {
    at.origin.script(...Array.from({ length: 9 }, () => () => Promise.reject(down)));
    const calls = await sent(at, async () => {
      at.call();
      await at.clock.advance(60_000);
    });
    at.origin.script(...[]);
    return options.attempts === undefined ? [calls, newest(at, "retry.attempted")?.delay] : calls;
  };
}

interface Breaking {
  readonly at: Stage;
  readonly circuit: ReturnType<typeof circuitBreaker>;
}

function breaking(options: CircuitBreakerOptions, look: (given: Breaking) => unknown): Look {
  const circuit = circuitBreaker(options);
  const at = stage(circuit);
  return async () => {
    circuit.reset();
    const seen = await look({ at, circuit });
    await answerAll(at);
    return seen;
  };
}

async function failuresToOpen({ at, circuit }: Breaking): Promise<number> {
  for (let failures = 1; failures < 50; failures++) {
    await at.fail();
    if (circuit.state === "open") return failures;
  }
  return Infinity;
}

async function lasting({ at }: Breaking, ...durations: number[]): Promise<void> {
  for (const ms of durations) {
    at.call();
    await at.clock.advance(ms);
    at.origin.last.succeed("ok");
    await at.clock.advance(0);
  }
}

/** Milliseconds that it stays open. */
async function openTime({ at }: Breaking): Promise<number | undefined> {
  const call = at.call();
  await at.clock.advance(0);
  return (call.error as RejectedError).retryAfter;
}

/** Waits for places in a bulkhead, or what works like one. */
function queueing(of: string, make: (options: object) => AnyPolicy): Row[] {
  const full = { queue: 1, maximumWait: 1_000 };
  return [
    row(`${of}.queue`, 1, 2, -1, [1, 2], (queue) => {
      const policy = make({ ...full, queue }) as ReturnType<typeof bulkhead>;
      const at = stage(policy);
      return async () => {
        for (let call = 0; call < 5; call++) at.call();
        const { queued } = policy;
        await at.clock.advance(1_000);
        await answerAll(at);
        return queued;
      };
    }),
    row<Duration>(`${of}.maximumWait`, 100, "300ms", "soon" as "1s", [100, 300], (maximumWait) => {
      const at = stage(make({ ...full, maximumWait }));
      at.call();
      return () => patience(at);
    }),
    row<"fifo" | "lifo">(
      `${of}.order`,
      "fifo",
      "lifo",
      "any" as "fifo",
      [
        [0, 1, 2],
        [0, 2, 1],
      ],
      (order) => {
        const at = stage(make({ ...full, queue: 5, order }));
        return async () => {
          const first = at.origin.calls.length;
          const names = ["a", "b", "c"];
          const calls = names.map(() => at.call());
          for (const _ of calls) await answerAll(at);
          const numbers = at.origin.calls.slice(first).map(({ request }) => Number(request.split(" ")[1]));
          return numbers.map((number) => number - Math.min(...numbers));
        };
      },
    ),
    row(`${of}.priority`, 0, 1, "high" as never, ["rejected", "waits"], (priority) => {
      const at = stage(make({ ...full, priority }));
      at.call();
      at.call();
      return async () => {
        const call = at.call();
        await at.clock.advance(0);
        return call.seen === "nothing yet" ? "waits" : "rejected";
      };
    }),
  ];
}

const bounds = { initial: 100, minimum: 1, maximum: 1_000 };

/** How far a limit moves by what a look records. */
function moving(
  algorithm: ReturnType<typeof aimd>,
  record: (machine: ReturnType<ReturnType<typeof aimd>["machine"]>, now: number) => void,
  told: (before: number, after: number) => unknown = (before, after) => after < before,
): Look {
  const machine = algorithm.machine(bounds);
  let now = 0;
  return () => {
    now += 10_000;
    const before = machine.limit;
    record(machine, now);
    return told(before, machine.limit);
  };
}

/** The share of a rate after one answer that asks for less, and a second. */
function following(feedback: ReturnType<typeof aimdRate>, answer: unknown, wait = 0): Look {
  const policy = rateLimit({ limit: 100, per: 1_000, feedback });
  const at = stage(policy, { classify });
  return async () => {
    await at.clock.advance(100_000);
    await at.succeed("ok");
    await at.succeed(answer);
    await at.clock.advance(wait);
    const call = at.call();
    await at.clock.advance(0);
    const paused = call.seen !== "nothing yet";
    await answerAll(at);
    return paused ? (call.error as RejectedError).retryAfter : Math.round(policy.share * 1_000) / 1_000;
  };
}

const any = Context.begin();

/** With what probability it refuses, after so many calls that succeeded and failed. */
function refusing(options: Parameters<typeof throttle>[0], good: number, bad: number, later = 0): Look {
  let chance = 1;
  const at = stage(throttle(options), { random: () => chance });
  return async () => {
    chance = 1;
    await at.clock.advance(1_000_000);
    for (let call = 0; call < good; call++) await at.succeed();
    for (let call = 0; call < bad; call++) await at.fail();
    await at.clock.advance(later);
    chance = 0;
    const reached = await sent(at, async () => {
      at.call();
      await answerAll(at);
    });
    const probability = newest(at, "throttle.rejected")?.probability ?? 0;
    return reached === 1 ? 0 : Math.round(probability * 1_000) / 1_000;
  };
}

/** How many of some calls reach the origin, each a while after the one before and for its key. */
function caching(
  options: object,
  waits: readonly (readonly [key: string, ms: number])[],
  fails = false,
): Look {
  const background: Promise<unknown>[] = [];
  const policy = cache({ key: (_, { key }) => key, ttl: 100, ...options });
  const at = stage(policy, { waitUntil: (work) => background.push(work) });
  return async () => {
    policy.clear();
    const answered: unknown[] = [];
    for (const [index, [key, ms]] of waits.entries()) {
      await at.clock.advance(ms);
      at.origin.script(fails && index > 0 ? () => Promise.reject(down) : () => index);
      const call = at.call({ key });
      await at.clock.advance(0);
      answered.push(call.seen !== "nothing yet" && "value" in call.seen ? call.seen.value : "failed");
      // What it was not asked for, it must not answer later.
      while (at.origin.calls.some(({ settled }) => !settled)) await answerAll(at);
    }
    return answered;
  };
}

const tries = (calls: number, delay: number | undefined) => [calls, delay];

const rows: readonly Row[] = [
  row("retry.attempts", 2, 4, 0, [2, 4], (attempts) => retrying({ attempts, backoff: constant(0) })),
  row<AnyBackoff>(
    "retry.backoff",
    constant(100),
    [250],
    "soon" as never,
    [tries(2, 100), tries(2, 250)],
    (backoff) => retrying({ backoff }),
  ),
  row<"none" | "full">(
    "retry.jitter",
    "none",
    "full",
    "wild" as "full",
    [tries(2, 1_000), tries(2, 500)],
    (jitter) => retrying({ jitter }),
  ),
  row<Duration>("retry.maximumDelay", 200, "300ms", -1, [tries(2, 200), tries(2, 300)], (maximumDelay) =>
    retrying({ maximumDelay }),
  ),
  row<Duration>("retry.within", "1s", "2s", "1 s" as "1s", [tries(1, undefined), tries(2, 1_000)], (within) =>
    retrying({ within }),
  ),
  row<Duration>("constant.delay", 1, "2ms", -1, [1, 2], (delay) => () => constant(delay).delay(3)),
  row<Duration>("linear.step", 1, 2, -1, [3, 6], (step) => {
    const backoff = linear(step);
    return () => backoff.delay(3);
  }),
  row<Duration>("exponential.first", 1, 2, -1, [4, 8], (first) => {
    const backoff = exponential(first);
    return () => backoff.delay(3);
  }),
  row("exponential.factor", 2, 3, 0.5, [4, 9], (factor) => {
    const backoff = exponential(1, { factor });
    return () => backoff.delay(3);
  }),
  row<Duration>(
    "sequence.delays",
    5,
    7,
    -1,
    [
      [1, 5, 5],
      [1, 7, 7],
    ],
    (last) => {
      const backoff = sequence(1, last);
      return () => [1, 2, 3].map(backoff.delay);
    },
  ),
  row("retryBudget.ratio", 0.5, 0.1, 2, [50, 10], (ratio) => {
    const budget = retryBudget({ ratio });
    for (let call = 0; call < 100; call++) budget.begin(0);
    return () => budget.available(0);
  }),
  row("retryBudget.minimum", 3, 5, -1, [3, 5], (minimum) => {
    const budget = retryBudget({ minimum });
    return () => budget.available(0);
  }),
  row<Duration>("retryBudget.window", "10s", "5s", 0, [20, 3], (window) => {
    const budget = retryBudget({ window });
    for (let call = 0; call < 100; call++) budget.begin(2_000);
    return () => budget.available(9_999);
  }),
  row("tokenBudget.tokens", 500, 50, 0, [100, 10], (tokens) => {
    const budget = tokenBudget({ tokens });
    return () => budget.available(0);
  }),
  row("tokenBudget.cost", 5, 50, 0, [100, 10], (cost) => {
    const budget = tokenBudget({ cost });
    return () => budget.available(0);
  }),
  row("tokenBudget.timeoutCost", 5, 50, 0, [100, 10], (timeoutCost) => {
    const budget = tokenBudget({ timeoutCost });
    return () => {
      let spent = 0;
      while (budget.spend(0, true)) spent++;
      for (let call = 0; call < spent; call++) budget.settle(true, true, true);
      return spent;
    };
  }),
  row("tokenBudget.gain", 5, 10, -1, [1, 2], (gain) => {
    const budget = tokenBudget({ gain });
    return () => {
      while (budget.spend(0));
      budget.settle(true, false);
      return budget.available(0);
    };
  }),
  row<Duration>("timeout.after", 100, "300ms", -1, [100, 300], (after) => {
    const at = stage(timeout(after));
    return () => patience(at);
  }),
  row("circuitBreaker.consecutiveFailures", 2, 3, 0, [2, 3], (consecutiveFailures) =>
    breaking({ consecutiveFailures }, failuresToOpen),
  ),
  row("circuitBreaker.failureRate", 0.5, 0.9, 2, ["open", "closed"], (failureRate) =>
    breaking({ failureRate, minimumCalls: 4 }, async ({ at, circuit }) => {
      for (let call = 0; call < 2; call++) await at.succeed();
      for (let call = 0; call < 2; call++) await at.fail();
      return circuit.state;
    }),
  ),
  row("circuitBreaker.minimumCalls", 2, 5, 0, [2, 5], (minimumCalls) =>
    breaking({ minimumCalls }, failuresToOpen),
  ),
  row<number | "30s" | "9ms">("circuitBreaker.window", 4, 8, 0, [4, 8], (window) =>
    breaking({ window, failureRate: 1 }, async ({ at, circuit }) => {
      for (let call = 0; call < 20; call++) await at.succeed();
      return circuit.snapshot().window.calls;
    }),
  ),
  row<Duration>("circuitBreaker.slowCall", 100, "500ms", -1, ["open", "closed"], (slowCall) =>
    breaking({ slowCall, minimumCalls: 1 }, async (given) => {
      await lasting(given, 200);
      return given.circuit.state;
    }),
  ),
  row("circuitBreaker.slowCallRate", 0.5, 0.9, 0, ["open", "closed"], (slowCallRate) =>
    breaking({ slowCall: 100, slowCallRate, minimumCalls: 2 }, async (given) => {
      await lasting(given, 10, 200);
      return given.circuit.state;
    }),
  ),
  row<Duration>("circuitBreaker.openFor", "1s", "3s", 0, [1_000, 3_000], (openFor) =>
    breaking({ openFor, consecutiveFailures: 1 }, async (given) => {
      await given.at.fail();
      return openTime(given);
    }),
  ),
  row<Duration>("circuitBreaker.maximumOpenFor", 1_500, "5s", -1, [1_500, 2_000], (maximumOpenFor) =>
    breaking({ openFor: 1_000, maximumOpenFor, consecutiveFailures: 1 }, async (given) => {
      await given.at.fail();
      await given.at.clock.advance(1_000);
      await given.at.fail();
      return openTime(given);
    }),
  ),
  row("circuitBreaker.probes", 1, 2, 0, [1, 2], (probes) =>
    breaking({ probes, openFor: 1_000, consecutiveFailures: 1 }, async ({ at }) => {
      await at.fail();
      await at.clock.advance(1_000);
      return sent(at, () => {
        for (let call = 0; call < 4; call++) at.call();
      });
    }),
  ),
  row("circuitBreaker.successesToClose", 1, 2, 0, ["closed", "half-open"], (successesToClose) =>
    breaking({ successesToClose, openFor: 1_000, consecutiveFailures: 1 }, async ({ at, circuit }) => {
      await at.fail();
      await at.clock.advance(1_000);
      await at.succeed();
      return circuit.state;
    }),
  ),
  row("bulkhead.limit", 1, 3, 0, [1, 3], (limit) => {
    const at = stage(bulkhead({ limit }));
    return async () => {
      const reached = await sent(at, () => {
        for (let call = 0; call < 5; call++) at.call();
      });
      await answerAll(at);
      return reached;
    };
  }),
  ...queueing("bulkhead", (options) => bulkhead({ limit: 1, ...options })),
  row("rateLimit.limit", 1, 3, 0, [1, 3], (limit) => {
    const at = stage(rateLimit({ limit, per: "1m" }));
    return async () => {
      await at.clock.advance(600_000);
      return sent(at, () => {
        for (let call = 0; call < 5; call++) at.call();
      });
    };
  }),
  row<Duration>("rateLimit.per", "1s", "5s", 0, [1_000, 5_000], (per) => {
    const at = stage(rateLimit({ limit: 1, per }));
    return async () => {
      await at.clock.advance(600_000);
      at.call();
      const call = at.call();
      await at.clock.advance(0);
      return (call.error as RejectedError).retryAfter;
    };
  }),
  row("rateLimit.burst", 1, 3, 0, [1, 3], (burst) => {
    const at = stage(rateLimit({ limit: 1, burst, per: "1m" }));
    return async () => {
      await at.clock.advance(600_000);
      return sent(at, () => {
        for (let call = 0; call < 5; call++) at.call();
      });
    };
  }),
  row<Duration>("rateLimit.maximumWait", 0, "2s", -1, [1, 2], (maximumWait) => {
    const at = stage(rateLimit({ limit: 1, maximumWait }));
    return async () => {
      await at.clock.advance(600_000);
      return sent(at, async () => {
        at.call();
        at.call();
        await at.clock.advance(1_000);
      });
    };
  }),
  row("aimdRate.decrease", 0.5, 0.25, 1, [0.5, 0.25], (decrease) => following(aimdRate({ decrease }), 429)),
  row("aimdRate.increase", 0.1, 0.3, 0, [0.6, 0.8], (increase) =>
    following(aimdRate({ increase }), 429, 1_000),
  ),
  row("aimdRate.minimum", 0.2, 0.3, 0, [0.2, 0.3], (minimum) =>
    following(aimdRate({ decrease: 0.001, minimum }), 429),
  ),
  row<Duration>("aimdRate.maximumPause", "1s", "3s", 0, [1_000, 3_000], (maximumPause) =>
    following(aimdRate({ maximumPause }), { retryAfter: 60_000 }),
  ),
  row<Duration>("hedge.after", 100, "300ms", -1, [1, 0], (after) => {
    const at = stage(hedge({ after }));
    return async () => {
      at.call();
      const hedges = await sent(at, () => at.clock.advance(200));
      await answerAll(at);
      return hedges;
    };
  }),
  row("hedge.hedges", 1, 3, -1, [2, 4], (hedges) => {
    const at = stage(hedge({ after: 10, hedges }));
    return async () => {
      const calls = await sent(at, async () => {
        at.call();
        await at.clock.advance(1_000);
      });
      await answerAll(at);
      return calls;
    };
  }),
  row("percentile.share", 0, 1, 2, [1, 3], (share) => {
    const delay = percentile(share, { minimumCalls: 2 });
    for (const ms of [10, 1_000]) delay.record(ms);
    return () => Math.round(Math.log10(delay(any) as number));
  }),
  row("percentile.window", 100, 2, 1, [1, 3], (window) => {
    const delay = percentile(0, { window, minimumCalls: 1 });
    for (let call = 0; call < 10; call++) delay.record(10);
    return () => {
      for (let call = 0; call < 20; call++) delay.record(1_000);
      return Math.round(Math.log10(delay(any) as number));
    };
  }),
  row("percentile.minimumCalls", 5, 1, 0, [2_000, 7], (minimumCalls) => {
    const delay = percentile(0.5, { minimumCalls });
    delay.record(7);
    return () => Math.round(delay(any) as number);
  }),
  row<Duration>("percentile.initial", "1s", "3s", -1, [1_000, 3_000], (initial) => {
    const delay = percentile(0.5, { initial });
    return () => delay(any);
  }),
  // (100 - k × 20) / 101
  row("throttle.k", 2, 4, 0, [0.594, 0.198], (k) => refusing({ k }, 20, 80)),
  row<Duration>("throttle.window", "10s", "2m", 0, [0, 0.594], (window) =>
    refusing({ window }, 20, 80, 15_000),
  ),
  row("throttle.maximumRejection", 0.5, 0.3, 1, [0.5, 0.3], (maximumRejection) =>
    refusing({ maximumRejection }, 20, 80),
  ),
  row("throttle.minimumCalls", 10, 200, 0, [0.594, 0], (minimumCalls) => refusing({ minimumCalls }, 20, 80)),
  row("adaptiveLimit.minimum", 1, 30, 0, [20, 30], (minimum) => {
    const policy = adaptiveLimit({ minimum });
    return () => policy.limit;
  }),
  row("adaptiveLimit.maximum", 200, 5, 0, [20, 5], (maximum) => {
    const policy = adaptiveLimit({ maximum });
    return () => policy.limit;
  }),
  ...queueing("adaptiveLimit", (options) => adaptiveLimit({ initial: 1, maximum: 1, ...options })),
  row("aimd.decrease", 0.9, 0.5, 1, [0.9, 0.5], (decrease) =>
    moving(
      aimd({ decrease }),
      (machine, now) => machine.record(0, 100, true, now),
      (before, after) => Math.round((after / before) * 100) / 100,
    ),
  ),
  row("aimd.increase", 1, 5, 0, [1, 5], (increase) =>
    moving(
      aimd({ increase }),
      (machine, now) => machine.record(1, 1_000, false, now),
      (before, after) => Math.round((after - before) * before),
    ),
  ),
  row<Duration>("aimd.slowAfter", 100, "1s", 0, [true, false], (slowAfter) =>
    moving(aimd({ slowAfter }), (machine, now) => machine.record(200, 1, false, now)),
  ),
  row<Duration>("vegas.window", 0, "1s", -1, [true, false], (window) =>
    moving(vegas({ window }), (machine, now) => machine.record(0, 100, true, now)),
  ),
  // A latency of three times the average shrinks the limit where that is more than is tolerated.
  row("gradient2.tolerance", 1, 90, 0.5, [true, false], (tolerance) =>
    moving(gradient2({ tolerance, queue: 0, window: 0 }), (machine, now) => {
      machine.record(1, 1, false, now);
      machine.record(3, 1_000, false, now);
    }),
  ),
  row("gradient2.smoothing", 0.1, 0.5, 0, [1, 5], (smoothing) =>
    moving(
      gradient2({ smoothing, queue: 10, window: 0 }),
      (machine, now) => machine.record(1, 1_000, false, now),
      (before, after) => Math.round(after - before),
    ),
  ),
  row("gradient2.queue", 1, 3, -1, [1, 3], (queue) =>
    moving(
      gradient2({ smoothing: 1, queue, window: 0 }),
      (machine, now) => machine.record(1, 1_000, false, now),
      (before, after) => Math.round(after - before),
    ),
  ),
  row<Duration>("gradient2.window", 0, "1s", -1, [true, false], (window) =>
    moving(gradient2({ window }), (machine, now) => machine.record(0, 100, true, now)),
  ),
  row<Duration>(
    "cache.ttl",
    100,
    "1s",
    -1,
    [
      [0, 1],
      [0, 0],
    ],
    (ttl) =>
      caching({ ttl }, [
        ["a", 0],
        ["a", 500],
      ]),
  ),
  row<Duration>(
    "cache.staleWhileRevalidate",
    0,
    "1s",
    -1,
    [
      [0, 1],
      [0, 0],
    ],
    (staleWhileRevalidate) =>
      caching({ staleWhileRevalidate }, [
        ["a", 0],
        ["a", 500],
      ]),
  ),
  row<Duration>(
    "cache.staleIfError",
    0,
    "1s",
    -1,
    [
      [0, "failed"],
      [0, 0],
    ],
    (staleIfError) =>
      caching(
        { staleIfError },
        [
          ["a", 0],
          ["a", 500],
        ],
        true,
      ),
  ),
  row(
    "cache.maximumEntries",
    1,
    2,
    0,
    [
      [0, 1, 2],
      [0, 1, 0],
    ],
    (maximumEntries) =>
      caching({ maximumEntries }, [
        ["a", 0],
        ["b", 0],
        ["a", 0],
      ]),
  ),
  row("chaos.rate", 0, 1, 2, [1, 0], (rate) => {
    const at = stage(chaos({ rate, fault: "struck" }), { random: half });
    return () => sent(at, () => at.call());
  }),
  row<Duration>("chaos.latency", 100, "300ms", -1, [1, 0], (latency) => {
    const at = stage(chaos({ rate: 1, latency }), { random: half });
    return async () => {
      at.call();
      const reached = await sent(at, () => at.clock.advance(200));
      await at.clock.advance(1_000);
      return reached;
    };
  }),
  row("chaos.enabled", false, true, "yes" as never, [1, 0], (enabled) => {
    const at = stage(chaos({ rate: 1, fault: "struck", enabled }), { random: half });
    return () => sent(at, () => at.call());
  }),
  row("keyed.maximumKeys", 1, 2, 0, [["b"], ["a", "b"]], (maximumKeys) => {
    const policy = keyed(() => timeout("1s"), { maximumKeys });
    return () => {
      for (const key of ["a", "b"]) policy.of(key);
      return policy.keys().sort();
    };
  }),
];

describe("an adaptive value", () => {
  it.each(rows.map((each) => [each.of, each] as const))(
    "%s holds from the next call on",
    async (of, each) => {
      const value = adaptive(each.from) as Adaptive<never>;
      const look = each.make(value);
      expect(await look()).toEqual(each.seen[0]);
      const option = of.replace(".", ": ");
      expect(() => value.set(each.bad as never)).toThrow(new RegExp(`^${option} must be .*, but is `));
      expect([value.get(), value.version]).toEqual([each.from, 0]);
      value.set(each.to as never);
      expect(await look()).toEqual(each.seen[1]);
    },
  );

  /** Why an option may not be adaptive. */
  const fixed: Readonly<Record<string, string>> = {
    "retry.budget": "an object with state; its own options are adaptive",
    "retry.retryOn": "a function",
    "hedge.budget": "an object with state; its own options are adaptive",
    "tokenBudget.kind": "another machine",
    "circuitBreaker.name": "a name",
    "circuitBreaker.shared": "a home",
    "rateLimit.algorithm": "another machine",
    "rateLimit.limiter": "another machine",
    "rateLimit.feedback": "another machine; its own options are adaptive",
    "rateLimit.name": "a name",
    "rateLimit.shared": "a home",
    "adaptiveLimit.algorithm": "another machine; its own options are adaptive",
    "adaptiveLimit.initial": "what it began with is past",
    "cache.key": "a function",
    "cache.share": "a function",
    "chaos.fault": "what it does",
    "chaos.outcome": "what it does",
    "chaos.behaviour": "what it does",
    "chaos.seed": "what it began with is past",
    "coalesce.key": "a function",
    "coalesce.share": "a function",
  };
  const tables: Readonly<Record<string, Table>> = {
    adaptiveLimit: adaptiveLimitOptions,
    aimd: aimdTable,
    aimdRate: aimdRateTable,
    bulkhead: bulkheadOptions,
    cache: cacheOptions,
    chaos: chaosOptions,
    circuitBreaker: circuitBreakerOptions,
    coalesce: coalesceOptions,
    gradient2: gradient2Table,
    hedge: hedgeOptions,
    percentile: percentileTable,
    rateLimit: rateLimitOptions,
    retry: retryOptions,
    retryBudget: retryBudgetTable,
    throttle: throttleOptions,
    timeout: timeoutOptions,
    tokenBudget: tokenBudgetTable,
    vegas: vegasTable,
  };

  it.each(Object.entries(tables))(
    "can be any option of %s that could change while it runs",
    (name, table) => {
      const tested = new Set(rows.map(({ of }) => of));
      for (const [option, { fixed: once }] of Object.entries(table)) {
        const of = `${name}.${option}`;
        expect([of, tested.has(of), Object.hasOwn(fixed, of)]).toEqual([
          of,
          once === undefined,
          once === true,
        ]);
      }
    },
  );
});

describe("changing a value keeps", () => {
  const changes: readonly (readonly [string, (options: Record<string, Adaptive<never>>) => void])[] = (
    [
      ["consecutiveFailures", 20],
      ["failureRate", 0.9],
      ["slowCall", "9s"],
      ["slowCallRate", 0.9],
      ["window", 50],
      ["window", "30s"],
      ["minimumCalls", 30],
      ["openFor", "9s"],
      ["maximumOpenFor", "1m"],
      ["probes", 3],
      ["successesToClose", 4],
    ] as const
  ).map(([option, to]) => [`${option}: ${to}`, (options) => options[option]?.set(to as never)]);

  const circuitOf = () => {
    const options = {
      consecutiveFailures: adaptive(10),
      failureRate: adaptive(0.8),
      slowCall: adaptive<Duration>("5s"),
      slowCallRate: adaptive(1),
      window: adaptive<number | "30s">(100),
      minimumCalls: adaptive(20),
      openFor: adaptive<Duration>("1s"),
      maximumOpenFor: adaptive<Duration>("2m"),
      probes: adaptive(1),
      successesToClose: adaptive(3),
    };
    const circuit = circuitBreaker(options);
    return { options: options as unknown as Record<string, Adaptive<never>>, circuit, at: stage(circuit) };
  };

  it.each(changes)("a circuit's window: %s", async (_, change) => {
    const { options, circuit, at } = circuitOf();
    for (let call = 0; call < 6; call++) await at.succeed();
    for (let call = 0; call < 3; call++) await at.fail();
    change(options);
    await at.fail();
    expect(circuit.snapshot()).toMatchObject({
      state: "closed",
      consecutiveFailures: 4,
      window: { calls: 10, failures: 4 },
    });
  });

  it.each(changes)("an open circuit, until the time that it was opened for: %s", async (_, change) => {
    const { options, circuit, at } = circuitOf();
    for (let call = 0; call < 10; call++) await at.fail();
    change(options);
    await at.clock.advance(999);
    expect((await at.succeed()).error).toMatchObject({ kind: "circuit-open", retryAfter: 1 });
    expect(circuit.state).toBe("open");
  });

  it.each(changes)("a half-open circuit's progress and its permits: %s", async (name, change) => {
    const { options, circuit, at } = circuitOf();
    for (let call = 0; call < 10; call++) await at.fail();
    await at.clock.advance(1_000);
    for (let call = 0; call < 2; call++) await at.succeed();
    const probe = at.call();
    change(options);
    const reached = await sent(at, () => at.call());
    expect(reached).toBe(name.startsWith("probes") ? 1 : 0);
    at.origin.calls.at(-1 - reached)?.succeed("ok");
    await at.clock.advance(0);
    expect(probe.seen).toEqual({ value: "ok" });
    expect(circuit.state).toBe(name.startsWith("successesToClose") ? "half-open" : "closed");
    await answerAll(at);
    await at.succeed();
    expect(circuit.state).toBe("closed");
  });

  it.each([
    ["queue", 0],
    ["maximumWait", "1ms"],
    ["order", "lifo"],
    ["priority", 5],
  ] as const)("those that wait for a bulkhead, and their patience: %s: %s", async (option, to) => {
    const options = {
      limit: adaptive(1),
      queue: adaptive(5),
      maximumWait: adaptive<Duration>("1s"),
      order: adaptive<"fifo" | "lifo">("fifo"),
      priority: adaptive(0),
    };
    const at = stage(bulkhead(options));
    const [running, waiting, impatient] = [at.call(), at.call(), at.call()];
    (options[option] as Adaptive<unknown>).set(to);
    await at.clock.advance(999);
    expect([waiting.seen, impatient.seen]).toEqual(["nothing yet", "nothing yet"]);
    at.origin.last.succeed("first");
    await at.clock.advance(0);
    at.origin.last.succeed("second");
    await at.clock.advance(0);
    expect([running.seen, waiting.seen]).toEqual([{ value: "first" }, { value: "second" }]);
    await answerAll(at);
    expect(impatient.seen).toEqual({ value: "ok" });
    expect(at.clock.pending).toBe(0);
  });

  it.each([
    ["ratio", 0.4, 30],
    ["minimum", 15, 10],
    ["window", "20s", 10],
  ] as const)("what a budget has spent: %s: %s", (option, to, left) => {
    const options = { ratio: adaptive(0.2), minimum: adaptive(3), window: adaptive<Duration>("10s") };
    const budget = retryBudget(options);
    for (let call = 0; call < 100; call++) budget.begin(0);
    for (let call = 0; call < 10; call++) budget.spend(0);
    (options[option] as Adaptive<unknown>).set(to);
    expect(budget.available(5)).toBe(left);
  });

  it("what a purse has paid", () => {
    const tokens = adaptive(500);
    const budget = tokenBudget({ tokens });
    for (let call = 0; call < 60; call++) budget.spend(0);
    tokens.set(400);
    expect(budget.available(0)).toBe(20);
    tokens.set(100);
    expect(budget.available(0)).toBe(0);
    tokens.set(1_000);
    expect(budget.available(0)).toBe(140);
  });

  it("what went through a rate limit", async () => {
    const options = { limit: adaptive(10), per: adaptive<Duration>("1m"), burst: adaptive(10) };
    const policy = rateLimit(options);
    const at = stage(policy);
    for (let call = 0; call < 7; call++) at.call();
    options.limit.set(20);
    options.per.set("2m");
    options.burst.set(12);
    const reached = await sent(at, () => {
      for (let call = 0; call < 20; call++) at.call();
    });
    expect(reached).toBe(5);
  });
});
