import { type AnyPolicy, adaptive, type PolicyEvent, parse } from "ninelives";
import { describe, expect, it } from "vitest";
import { documentPolicy } from "../../src/control/index.ts";
import { circuitBreaker } from "../../src/policies/circuit-breaker.ts";
import { rateLimit } from "../../src/policies/rate-limit.ts";
import { type Stage, type StageOptions, stage } from "../policies/stage.ts";

function documented(
  text: string,
  options: Parameters<typeof documentPolicy>[1] = {},
  given: StageOptions = {},
) {
  const document = documentPolicy(text, options);
  return { document, at: stage(document.policy as AnyPolicy, { random: () => 0.5, ...given }) };
}

async function settle({ origin, clock }: Stage, answer: unknown = "ok"): Promise<void> {
  for (const call of origin.calls) if (!call.settled) call.succeed(answer);
  await clock.advance(0);
}

const types = ({ sink }: Stage): PolicyEvent["type"][] => sink.events.map(({ type }) => type);
const down = new Error("down");

describe("documentPolicy", () => {
  it("goes by its text, and by a new one from the next call on", async () => {
    const { document, at } = documented("timeout(100ms)");
    const [before] = [at.call()];
    await at.clock.advance(50);
    document.set("timeout(300ms)");
    const after = at.call();
    await at.clock.advance(50);
    expect(before.error).toMatchObject({ kind: "timeout" });
    await at.clock.advance(249);
    expect(after.seen).toBe("nothing yet");
    await at.clock.advance(1);
    expect(after.error).toMatchObject({ kind: "timeout" });
    expect(document.text).toBe("timeout(300ms)");
  });

  it("keeps those that wait in a bulkhead, whose slots a larger limit opens at once", async () => {
    const { document, at } = documented("bulkhead(1, queue: 10, maximumWait: 1s)");
    const calls = [1, 2, 3, 4].map(() => at.call());
    expect(at.origin.calls.length).toBe(1);
    document.set("bulkhead(3, queue: 10, maximumWait: 1s)");
    await at.clock.advance(0);
    expect(at.origin.calls.length).toBe(3);
    expect(calls[3]?.seen).toBe("nothing yet");
    document.set("timeout(5s) + bulkhead(3, queue: 10, maximumWait: 1s) | timeout(1s)");
    expect(at.call().seen).toBe("nothing yet");
    expect(at.origin.calls.length).toBe(3);
    await settle(at);
    await settle(at);
    expect(calls.map(({ seen }) => seen)).toEqual(Array(4).fill({ value: "ok" }));
    expect(types(at)).not.toContain("bulkhead.rejected");
  });

  it("keeps a half-open circuit's permits and progress", async () => {
    const text = (openFor: string) =>
      `circuitBreaker(consecutiveFailures: 1, openFor: ${openFor}, successesToClose: 2)`;
    const { document, at } = documented(text("1s"));
    await at.fail();
    await at.clock.advance(1_000);
    await at.succeed();
    const probe = at.call();
    document.set(text("2s"));
    expect((await at.succeed()).error).toMatchObject({ kind: "circuit-open" });
    document.set(`retry(1) + ${text("3s")}`);
    expect((await at.succeed()).error).toMatchObject({ kind: "circuit-open" });
    at.origin.last.succeed("ok");
    await at.clock.advance(0);
    expect(probe.seen).toEqual({ value: "ok" });
    expect(types(at).filter((type) => type.startsWith("circuit."))).toEqual([
      "circuit.opened",
      "circuit.half-opened",
      "circuit.rejected",
      "circuit.rejected",
      "circuit.closed",
    ]);
  });

  it("keeps what went through a rate limit, over a change of its algorithm too", async () => {
    const { document, at } = documented("rateLimit(5, per: 1m)");
    for (let call = 0; call < 3; call++) await at.succeed();
    document.set("rateLimit(6, per: 1m)");
    for (let call = 0; call < 3; call++) await at.succeed();
    expect((await at.succeed()).error).toMatchObject({ kind: "rate-limited" });
    const prepared = document.prepare("rateLimit(7, per: 1m, algorithm: slidingLog())");
    expect(prepared.remade).toEqual(["slidingLog", "rateLimit"]);
    prepared.commit();
    expect((await at.succeed()).seen).toEqual({ value: "ok" });
    expect((await at.succeed()).error).toMatchObject({ kind: "rate-limited" });
  });

  it("keeps what a budget has spent, and may give an option for the first time or take it away", async () => {
    const { document, at } = documented("retry(3, backoff: constant(0ms), budget: retryBudget(minimum: 1))");
    at.origin.script(...Array.from({ length: 20 }, () => () => Promise.reject(down)));
    const reached = async () => {
      const before = at.origin.calls.length;
      at.call();
      await at.clock.advance(0);
      return at.origin.calls.length - before;
    };
    expect(await reached()).toBe(2);
    expect(await reached()).toBe(1);
    document.set(
      'retry(3, jitter: "none", backoff: constant(0ms), budget: retryBudget(minimum: 2, window: 20s))',
    );
    expect(await reached()).toBe(2);
    expect(await reached()).toBe(1);
    document.set("retry(backoff: constant(0ms), budget: retryBudget)");
    expect(await reached()).toBe(2);
  });

  it.each([
    ["retry(3)", "retry(5, backoff: linear(5ms), maximumDelay: 1s)", ["linear"]],
    ["retry(3, backoff: linear(5ms))", "retry(5, backoff: linear(9ms), within: 1s)", []],
    ["circuitBreaker", "circuitBreaker(window: 30s, consecutiveFailures: 4, slowCall: 1s)", []],
    ["circuitBreaker(slowCall: 1s, slowCallRate: 0.3)", "circuitBreaker", []],
    ["hedge(1s)", "hedge(after: 2s, hedges: 2)", []],
    ["hedge(1s)", "hedge(percentile(0.9))", ["percentile", "hedge"]],
    ["hedge(percentile(0.9))", "hedge(percentile(0.8, window: 50))", []],
    ["adaptiveLimit(aimd(decrease: 0.8))", "adaptiveLimit(aimd(decrease: 0.7), maximum: 90)", []],
    ["adaptiveLimit(vegas)", "adaptiveLimit(gradient2(queue: 5))", ["gradient2", "adaptiveLimit"]],
    ["throttle", "throttle(3, window: 1m)", []],
    ["chaos(0.1, latency: 5ms)", 'chaos(0.2, fault: "no")', ["chaos"]],
    ["webService(probes: 2)", "webService(probes: 3)", []],
    ["webService", "webService(probes: 3)", ["webService"]],
    ["rateLimit(5, algorithm: slidingLog)", "rateLimit(6, per: 2s, algorithm: slidingLog)", []],
    ["timeout(1s) + retry + timeout(2s)", "timeout(after: 3s) + retry + timeout(4s)", []],
    ["retry(3)", 'retry(3) | answer("no")', ["answer"]],
    ["bulkhead(5, queue: 3, maximumWait: 1s)", "bulkhead(5)", []],
    ["keyed(own)", "keyed(own, maximumKeys: 5)", ["keyed"]],
  ])("of %s to %s makes anew: %j", (before, after, remade) => {
    const scope = { own: () => parse("retry") };
    const document = documentPolicy(before, { scope });
    const prepared = document.prepare(after);
    expect(prepared.remade).toEqual(remade);
    prepared.commit();
    const back = document.prepare(before);
    expect(back.remade.length === 0).toBe(remade.length === 0 || before === "retry(3)");
    back.commit();
  });

  it("refuses a bad text as a whole, and goes by the next good one", async () => {
    const { document, at } = documented("retry(2, backoff: constant(0ms)) + timeout(1s)");
    for (const bad of [
      "retry(5) + timeout(soon)",
      "retry(5) + timeout(-1ms)",
      "retry(5) + circuitBreaker(slowCallRate: 0.5)",
      "bulkhead(3, queue: 5)",
      "rateLimit(3, burst: 2, algorithm: slidingLog)",
      "retry(5, attempts: 4)",
      "timeout(1s, 2s, 3s) + retri",
    ]) {
      expect(() => document.set(bad), bad).toThrow();
      expect(() => document.check(bad), bad).toThrow();
    }
    at.origin.script(...Array.from({ length: 9 }, () => () => Promise.reject(down)));
    at.call();
    await at.clock.advance(0);
    expect([at.origin.calls.length, document.text]).toEqual([
      2,
      "retry(2, backoff: constant(0ms)) + timeout(1s)",
    ]);
    document.set("retry(4, backoff: constant(0ms)) + timeout(1s)");
    at.call();
    await at.clock.advance(0);
    expect(at.origin.calls.length).toBe(6);
  });

  it("leaves what changes by itself to whoever brought it", async () => {
    const after = adaptive<number>(100);
    const { document, at } = documented("timeout(after)", { scope: { after } });
    expect(document.prepare("timeout(after)").remade).toEqual([]);
    after.set(50);
    const call = at.call();
    await at.clock.advance(50);
    expect(call.error).toMatchObject({ kind: "timeout" });
  });

  it("names policies by where they stand, whatever they were before", () => {
    const made: unknown[] = [];
    const scope = {
      circuitBreaker: (options: object) => {
        made.push(options);
        return circuitBreaker(options);
      },
      rateLimit: (options: { readonly limit: number }) => rateLimit(options),
    };
    const label = () => {
      let circuits = 0;
      return (policy: string) => (policy === "circuitBreaker" ? `prices.${++circuits}` : undefined);
    };
    const document = documentPolicy("circuitBreaker(probes: 2) + circuitBreaker + rateLimit(5, per: 1m)", {
      scope,
      label,
    });
    made.length = 0;
    const prepared = document.prepare("circuitBreaker(probes: 3) + timeout(1s)");
    expect([prepared.names, prepared.remade, made.length]).toEqual([["prices.1"], ["timeout"], 1]);
    prepared.commit();
    expect(document.prepare("circuitBreaker + circuitBreaker").names).toEqual(["prices.1", "prices.2"]);
    expect(() => document.check('circuitBreaker(name: "mine")')).toThrow(
      "its name here comes from where it stands",
    );
  });
});
