import {
  type AnyPolicy,
  adaptive,
  type CallOptions,
  compose,
  definePolicy,
  type Outcome,
  RejectedError,
  type ThrottleOptions,
  throttle,
  timeout,
  type Verdict,
} from "ninelives";
import { seededRandom } from "ninelives/testing";
import { describe, expect, it } from "vitest";
import { type Stage, type StageOptions, stage } from "./stage.ts";

const down = new Error("down");

interface Odds extends Stage {
  /** What chance says: a call is refused when it is less than the probability. */
  chance: () => number;
}

/** A stage on which chance lets everything through, until the test says otherwise. */
function odds(policy: AnyPolicy = throttle(), given: StageOptions = {}): Odds {
  const at: Odds = { ...stage(policy, { ...given, random: () => at.chance() }), chance: () => 1 };
  return at;
}

/** Whether a call is refused when chance refuses what it can. */
async function refuses(at: Odds, options?: CallOptions): Promise<boolean> {
  const { chance } = at;
  at.chance = () => 0;
  const before = at.origin.calls.length;
  at.call(options);
  await at.clock.advance(0);
  at.chance = chance;
  return at.origin.calls.length === before;
}

/** Makes so many calls that the origin answers, and so many that it fails. */
async function history(at: Stage, succeeded: number, failed: number): Promise<void> {
  for (let call = 0; call < succeeded; call++) await at.succeed();
  for (let call = 0; call < failed; call++) await at.fail(down);
}

describe("throttle", () => {
  it("refuses nothing while the service accepts half of the calls", async () => {
    const at = odds();
    await history(at, 50, 50);
    expect(await refuses(at)).toBe(false);
    expect(at.sink.types).not.toContain("throttle.rejected");
  });

  it("refuses with the probability of the formula when the service accepts fewer", async () => {
    const at = odds();
    await history(at, 40, 59);
    at.chance = () => 0;
    // (99 - 2 × 40) / (99 + 1)
    const seen = at.call();
    await at.clock.advance(0);
    expect(seen.error).toMatchObject({
      name: "RejectedError",
      kind: "throttled",
      policy: "throttle",
      message: "19 % of calls are refused",
    });
    expect(at.sink.of("throttle.rejected")).toEqual([
      expect.objectContaining({ probability: expect.closeTo(0.19) }),
    ]);
    expect(at.origin.calls.length).toBe(99);
    expect(at.clock.pending).toBe(0);
  });

  it.each([
    [0.189, 99],
    [0.191, 100],
  ])("lets chance decide: %f", async (chance, sent) => {
    const at = odds();
    await history(at, 40, 59);
    at.chance = () => chance;
    at.call();
    expect(at.origin.calls.length).toBe(sent);
  });

  it("asks chance only when there is something to decide", async () => {
    const at = odds();
    at.chance = () => {
      throw new Error("asked");
    };
    await history(at, 10, 10);
    expect(at.origin.calls.length).toBe(20);
  });

  it("counts what it refused itself as not accepted, and refuses more and more, up to the cap", async () => {
    const at = odds(throttle({ maximumRejection: 0.8 }));
    await history(at, 6, 10);
    for (let call = 0; call < 100; call++) expect(await refuses(at)).toBe(true);
    const shares = at.sink.of("throttle.rejected").map(({ probability }) => probability);
    expect(shares[0]).toBeCloseTo(4 / 17);
    expect(shares[1]).toBeCloseTo(5 / 18);
    expect(shares.at(-1)).toBe(0.8);
  });

  it("comes back as the service does, since some calls go through at the cap", async () => {
    const at = odds();
    await history(at, 0, 100);
    at.chance = seededRandom(7);
    let sent = 100;
    const goesThrough: boolean[] = [];
    for (let call = 0; call < 1_200; call++) {
      await at.clock.advance(1_000);
      at.origin.script(() => "ok");
      at.call();
      await at.clock.advance(0);
      goesThrough.push(at.origin.calls.length > sent);
      sent = at.origin.calls.length;
    }
    const through = (from: number, to: number) => goesThrough.slice(from, to).filter(Boolean).length;
    expect(through(0, 100)).toBeLessThan(30);
    expect(through(1_100, 1_200)).toBe(100);
    expect(at.clock.pending).toBe(0);
  });

  it("says nothing before ten calls: a cold start proves nothing", async () => {
    const at = odds();
    await history(at, 0, 9);
    expect(await refuses(at)).toBe(false);
    expect(await refuses(at)).toBe(true);
  });

  it("does not refuse a burst of calls because none has been answered yet", async () => {
    const at = odds();
    await history(at, 0, 1);
    at.chance = () => 0;
    for (let call = 0; call < 100; call++) at.call();
    expect(at.origin.calls.length).toBe(101);
  });

  it("forgets what is older than its window", async () => {
    const at = odds(throttle({ window: "10s" }));
    await history(at, 0, 20);
    await at.clock.advance(9_999);
    expect(await refuses(at)).toBe(true);
    await at.clock.advance(1);
    expect(await refuses(at)).toBe(false);
  });

  it("looks back two minutes unless told otherwise", async () => {
    const at = odds();
    await history(at, 0, 20);
    await at.clock.advance(119_999);
    expect(await refuses(at)).toBe(true);
    await at.clock.advance(1);
    expect(await refuses(at)).toBe(false);
  });

  describe("and what an outcome says of the service", () => {
    const classify = (outcome: Outcome): Verdict => {
      if ("error" in outcome)
        return { kind: outcome.error === 404 ? "ignored" : "failure", retryable: false };
      if (outcome.value === 404) return { kind: "ignored", retryable: false };
      if (outcome.value === 429) return { kind: "ignored", retryable: true };
      if (outcome.value === 503) return { kind: "failure", retryable: true };
      if (outcome.value === 200.5) return { kind: "success", retryable: false, retryAfter: 1_000 };
      return { kind: "success", retryable: false };
    };

    it.each([
      [200, false],
      [200.5, false],
      [404, false],
      [429, true],
      [503, true],
    ])("%s is a refusal: %s", async (value, expected) => {
      const at = odds(throttle(), { classify });
      for (let call = 0; call < 20; call++) await at.succeed(value);
      expect(await refuses(at)).toBe(expected);
    });

    it.each([
      [404, false],
      [503, true],
    ])("an error of %s is a refusal: %s", async (error, expected) => {
      const at = odds(throttle(), { classify });
      for (let call = 0; call < 20; call++) await at.fail(error);
      expect(await refuses(at)).toBe(expected);
    });

    it("another policy's rejection counts as no call at all", async () => {
      const at = odds();
      for (let call = 0; call < 20; call++)
        await at.fail(new RejectedError("circuit-open", "prices", "open"));
      await history(at, 0, 9);
      expect(await refuses(at)).toBe(false);
    });

    it("throttle > timeout: a timeout is a refusal", async () => {
      const at = odds(compose(throttle(), timeout("1s")));
      for (let call = 0; call < 10; call++) at.call();
      await at.clock.advance(1_000);
      expect(await refuses(at)).toBe(true);
      expect(at.clock.pending).toBe(0);
    });

    it("timeout > throttle: what a timeout further out cut off is a refusal", async () => {
      const at = odds(compose(timeout("1s"), throttle()));
      for (let call = 0; call < 10; call++) at.call();
      await at.clock.advance(1_000);
      for (const made of at.origin.calls) made.fail("aborted");
      await at.clock.advance(0);
      expect(await refuses(at)).toBe(true);
    });

    it("what its caller gave up counts as no call at all", async () => {
      const at = odds(throttle({ minimumCalls: 10 }));
      const controller = new AbortController();
      for (let call = 0; call < 20; call++) at.call({ signal: controller.signal });
      controller.abort("gone");
      for (const made of at.origin.calls) made.fail("aborted");
      await at.clock.advance(0);
      await history(at, 0, 9);
      expect(await refuses(at)).toBe(false);
      expect(at.clock.pending).toBe(0);
    });
  });

  it.each([
    [1, true],
    [1.5, true],
    [2, false],
  ])("takes K without its name, and is stricter the lower it is: %f", async (k, expected) => {
    const at = odds(throttle(k));
    await history(at, 20, 20);
    expect(await refuses(at)).toBe(expected);
  });

  it("follows options that change while it runs", async () => {
    const [k, minimumCalls] = [adaptive(2), adaptive(100)];
    const at = odds(throttle({ k, minimumCalls, maximumRejection: ({ key }) => (key === "vip" ? 0 : 0.9) }));
    await history(at, 8, 12);
    expect(await refuses(at)).toBe(false);
    minimumCalls.set(10);
    expect(await refuses(at)).toBe(true);
    expect(await refuses(at, { key: "vip" })).toBe(false);
    k.set(3);
    expect(await refuses(at)).toBe(false);
    expect(() => k.set(0.5)).toThrow("throttle: k must be a number from 1 to 1000, but is 0.5");
  });

  it("passes on what a layer further in throws at once", async () => {
    const bad = definePolicy("bad", () => () => {
      throw down;
    });
    const at = odds(compose(throttle(), bad));
    const seen = at.call();
    await at.clock.advance(0);
    expect(seen.error).toBe(down);
  });

  it.each<[ThrottleOptions | number, string]>([
    [0.5, "throttle: k must be a number from 1 to 1000, but is 0.5"],
    ["2" as never, 'throttle: k must be a number from 1 to 1000, but is "2"'],
    [{ window: 0 }, "throttle: window must be longer than 0"],
    [{ maximumRejection: 1 }, "throttle: maximumRejection must be a number from 0 to 0.999, but is 1"],
    [{ minimumCalls: 0 }, "throttle: minimumCalls must be a whole number of at least 1, but is 0"],
    [
      { cap: 1 } as ThrottleOptions,
      'throttle has no option "cap"; it has k, window, maximumRejection, minimumCalls',
    ],
  ])("refuses %j when it is made", (options, message) => {
    expect(() => throttle(options)).toThrow(message);
  });
});
