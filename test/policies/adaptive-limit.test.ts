import {
  type AdaptiveLimitOptions,
  adaptiveLimit,
  aimd,
  type ConcurrencyLimit,
  compose,
  gradient2,
  isRejected,
  type LimitAlgorithm,
  type Outcome,
  RejectedError,
  timeout,
  type Verdict,
  vegas,
} from "ninelives";
import { describe, expect, it } from "vitest";
import { type Stage, stage } from "./stage.ts";

const down = new Error("down");
type Sample = [latency: number, running: number, dropped: boolean, now: number];

/** An algorithm that notes what it is told, and whose limit the test sets. */
function noted(): { algorithm: LimitAlgorithm; samples: Sample[]; machine: { limit: number } } {
  const samples: Sample[] = [];
  const machine = {
    limit: 20,
    record: (...sample: Sample) => void samples.push(sample),
  } satisfies ConcurrencyLimit;
  return {
    algorithm: { recipe: { call: "noted", arguments: [] }, machine: () => machine },
    samples,
    machine,
  };
}

const classify = (outcome: Outcome): Verdict => {
  if ("error" in outcome) {
    return outcome.error === "busy"
      ? { kind: "failure", retryable: true, retryAfter: 100 }
      : { kind: "failure", retryable: true };
  }
  if (outcome.value === 404) return { kind: "ignored", retryable: false };
  if (outcome.value === 429) return { kind: "ignored", retryable: true };
  if (outcome.value === 500) return { kind: "failure", retryable: true };
  if (outcome.value === 503) return { kind: "failure", retryable: true, retryAfter: 100 };
  return { kind: "success", retryable: false };
};

/** Rounds of as many calls as may run, each of which takes as long as the load makes it. */
async function rounds(
  at: Stage,
  policy: { limit: number },
  count: number,
  latency: (load: number) => number,
) {
  for (let round = 0; round < count; round++) {
    const load = policy.limit;
    for (let call = 0; call < load; call++) at.call();
    await at.clock.advance(latency(load));
    for (const made of at.origin.calls.slice(-load)) made.succeed("ok");
    await at.clock.advance(0);
  }
}

describe("adaptiveLimit", () => {
  it("lets its initial limit run at a time, and rejects past it", async () => {
    const policy = adaptiveLimit({ initial: 2 });
    const { clock, origin, sink, call } = stage(policy);
    const [, , third] = [call(), call(), call()];
    await clock.advance(0);
    expect(third?.error).toMatchObject({
      kind: "bulkhead-full",
      policy: "adaptiveLimit",
      message: "all 2 slots and 0 places are taken",
    });
    expect(origin.calls.length).toBe(2);
    expect([policy.limit, policy.active, policy.queued]).toEqual([2, 2, 0]);
    expect(sink.of("bulkhead.rejected")).toEqual([
      expect.objectContaining({ active: 2, limit: 2, queued: 0 }),
    ]);
    expect(clock.pending).toBe(0);
  });

  it("begins with 20, and keeps between 1 and 200, unless told otherwise", () => {
    const seen: unknown[] = [];
    const { algorithm } = noted();
    adaptiveLimit({
      algorithm: {
        ...algorithm,
        machine: (bounds) => {
          seen.push(bounds);
          return algorithm.machine(bounds);
        },
      },
    });
    expect(seen).toEqual([{ initial: 20, minimum: 1, maximum: 200 }]);
    expect(adaptiveLimit().limit).toBe(20);
    expect(adaptiveLimit({ minimum: 20, maximum: 20 }).limit).toBe(20);
  });

  it.each([
    ["gradient2", undefined],
    ["gradient2", gradient2()],
    ["vegas", vegas()],
    ["aimd", aimd({ increase: 4, slowAfter: 150 })],
  ])("%s: grows while calls are quick, and shrinks when they slow down", async (_, algorithm) => {
    const policy = adaptiveLimit({ ...(algorithm && { algorithm }), initial: 10, maximum: 40 });
    const at = stage(policy);
    await rounds(at, policy, 120, () => 100);
    const grown = policy.limit;
    expect(grown).toBeGreaterThan(12);
    await rounds(at, policy, 120, () => 1_000);
    expect(policy.limit).toBeLessThan(grown * 0.8);
    expect(at.sink.of("limit.changed").at(0)).toMatchObject({ from: 10 });
    expect(at.sink.of("limit.changed").at(-1)).toMatchObject({ limit: policy.limit });
    expect(policy.active).toBe(0);
    expect(at.clock.pending).toBe(0);
  });

  it("measures how long a call took and how many were running, and no time in the queue", async () => {
    const { algorithm, samples } = noted();
    const { clock, origin, sink, call } = stage(
      adaptiveLimit({ algorithm, initial: 2, queue: 1, maximumWait: "1s" }),
    );
    for (let made = 0; made < 3; made++) call();
    await clock.advance(100);
    origin.calls[0]?.succeed("ok");
    await clock.advance(50);
    origin.calls[2]?.succeed("ok");
    await clock.advance(0);
    expect(samples).toEqual([
      [100, 1, false, 100],
      [50, 2, false, 150],
    ]);
    expect(sink.of("limit.changed").length).toBe(1);
  });

  it.each<[string, Sample[], (at: Stage) => Promise<unknown>]>([
    ["a success", [[0, 1, false, 0]], (at) => at.succeed()],
    ["a 404, of which nothing is said,", [], (at) => at.succeed(404)],
    ["a plain failure", [], (at) => at.succeed(500)],
    ["an error", [], (at) => at.fail(down)],
    ["a 429", [[0, 1, true, 0]], (at) => at.succeed(429)],
    ["a failure that says when to come back", [[0, 1, true, 0]], (at) => at.succeed(503)],
    ["an error that says when to come back", [[0, 1, true, 0]], (at) => at.fail("busy")],
    [
      "a timeout further in",
      [[0, 1, true, 0]],
      (at) => at.fail(new RejectedError("timeout", "timeout", "late")),
    ],
    [
      "another rejection",
      [],
      (at) => at.fail(new RejectedError("bulkhead-full", "db", "full", { retryAfter: 1 })),
    ],
  ])("learns from %s: %j", async (_, expected, happen) => {
    const { algorithm, samples } = noted();
    const policy = adaptiveLimit({ algorithm });
    const at = stage(policy, { classify });
    await happen(at);
    expect(samples).toEqual(expected);
    expect(policy.active).toBe(0);
    expect(at.clock.pending).toBe(0);
  });

  it("learns nothing from what its caller gave up", async () => {
    const { algorithm, samples } = noted();
    const { clock, origin, call } = stage(adaptiveLimit({ algorithm }));
    const controller = new AbortController();
    call({ signal: controller.signal });
    controller.abort("gone");
    origin.last.fail("gone");
    await clock.advance(0);
    expect(samples).toEqual([]);
  });

  it("timeout > adaptiveLimit: learns that a timeout further out cut a call off", async () => {
    const { algorithm, samples } = noted();
    const { clock, origin, call } = stage(compose(timeout("1s"), adaptiveLimit({ algorithm })));
    const seen = call();
    await clock.advance(1_000);
    expect(isRejected(seen.error, "timeout")).toBe(true);
    origin.last.fail("aborted");
    await clock.advance(0);
    expect(samples).toEqual([[1_000, 1, true, 1_000]]);
    expect(clock.pending).toBe(0);
  });

  it("lets those that wait enter as soon as the limit grows", async () => {
    const { algorithm, machine } = noted();
    const policy = adaptiveLimit({ algorithm, initial: 1, queue: 5, maximumWait: "1m" });
    const { clock, origin, sink, call } = stage(policy);
    for (let made = 0; made < 5; made++) call();
    machine.limit = 3.9;
    origin.last.succeed("ok");
    await clock.advance(0);
    expect([policy.limit, policy.active, policy.queued]).toEqual([3, 3, 1]);
    expect(sink.of("limit.changed")).toEqual([expect.objectContaining({ limit: 3, from: 1 })]);
    for (let made = 1; made < 5; made++) {
      origin.calls[made]?.succeed("ok");
      await clock.advance(0);
    }
    expect(origin.calls.length).toBe(5);
    expect(policy.active).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it("takes its slots back as they come free when the limit shrinks", async () => {
    const { algorithm, machine } = noted();
    const policy = adaptiveLimit({ algorithm, initial: 3 });
    const { clock, origin, call } = stage(policy);
    for (let made = 0; made < 3; made++) call();
    machine.limit = 1;
    origin.calls[0]?.succeed("ok");
    await clock.advance(0);
    expect([policy.limit, policy.active]).toEqual([1, 2]);
    const over = call();
    await clock.advance(0);
    expect(isRejected(over.error)).toBe(true);
  });

  it("has a machine of its own for each policy of an algorithm", async () => {
    const algorithm = aimd({ slowAfter: 10 });
    const [policy, other] = [adaptiveLimit({ algorithm }), adaptiveLimit({ algorithm })];
    const at = stage(policy);
    at.call();
    await at.clock.advance(11);
    at.origin.last.succeed("ok");
    await at.clock.advance(0);
    expect([policy.limit, other.limit]).toEqual([18, 20]);
  });

  it.each<[AdaptiveLimitOptions, string]>([
    [{ initial: 0 }, "adaptiveLimit: initial must be a whole number of at least 1, but is 0"],
    [{ minimum: 1.5 }, "adaptiveLimit: minimum must be a whole number of at least 1, but is 1.5"],
    [{ maximum: 0 }, "adaptiveLimit: maximum must be a whole number of at least 1, but is 0"],
    [{ minimum: 30 }, "adaptiveLimit: initial must be from minimum 30 to maximum 200, but is 20"],
    [{ maximum: 10 }, "adaptiveLimit: initial must be from minimum 1 to maximum 10, but is 20"],
    [{ queue: 5 }, "adaptiveLimit: maximumWait is required with a queue: nothing may wait for ever"],
    [
      { algorithm: "vegas" as never },
      'adaptiveLimit: algorithm must be an algorithm such as vegas(), but is "vegas"',
    ],
    [{ limit: 5 } as AdaptiveLimitOptions, 'adaptiveLimit has no option "limit"; it has algorithm, initial'],
  ])("refuses %j when it is made", (options, message) => {
    expect(() => adaptiveLimit(options)).toThrow(message);
  });

  it("aimd takes a call for slow after 5 s, unless told otherwise", () => {
    const machine = aimd({ decrease: 0.5 }).machine({ initial: 10, minimum: 1, maximum: 20 });
    machine.record(5_000, 10, false, 0);
    expect(machine.limit).toBeGreaterThanOrEqual(10);
    machine.record(5_001, 10, false, 10_000);
    expect(machine.limit).toBeLessThan(10);
  });

  it.each<[() => LimitAlgorithm, string]>([
    [() => aimd({ decrease: 1 }), "aimd: decrease must be a number from 0.1 to 0.999, but is 1"],
    [() => aimd({ increase: 0 }), "aimd: increase must be a number from 0.001 to 1000, but is 0"],
    [() => aimd({ slowAfter: 0 }), "aimd: slowAfter must be longer than 0"],
    [() => aimd({ step: 1 } as object), 'aimd has no option "step"; it has decrease, increase, slowAfter'],
    [() => vegas({ window: -1 }), "vegas: window must be a duration"],
    [() => vegas({ alpha: 1 } as object), 'vegas has no option "alpha"; it has window'],
    [() => gradient2({ tolerance: 0.5 }), "gradient2: tolerance must be a number from 1 to 100, but is 0.5"],
    [() => gradient2({ smoothing: 0 }), "gradient2: smoothing must be a number from 0.001 to 1, but is 0"],
    [() => gradient2({ queue: -1 }), "gradient2: queue must be a number from 0 to 1000, but is -1"],
    [() => gradient2({ window: -1 }), "gradient2: window must be a duration"],
    [() => gradient2({ rtt: 1 } as object), 'gradient2 has no option "rtt"; it has tolerance, smoothing'],
  ])("refuses an algorithm's option that will not do: %s", (make, message) => {
    expect(make).toThrow(message);
  });

  it("aimd: adds one call for each round of calls, unless told otherwise", async () => {
    const policy = adaptiveLimit({ algorithm: aimd(), initial: 4 });
    const at = stage(policy);
    await rounds(at, policy, 1, () => 100);
    expect(policy.limit).toBe(4);
    await rounds(at, policy, 1, () => 100);
    expect(policy.limit).toBe(5);
  });

  it("lets an algorithm take each call by itself", () => {
    const machine = vegas({ window: 0 }).machine({ initial: 10, minimum: 1, maximum: 100 });
    machine.record(100, 10, false, 0);
    expect(machine.limit).toBe(16);
  });
});
