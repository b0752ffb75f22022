import {
  type CircuitBreakerOptions,
  compose,
  database,
  databaseClient,
  describe as describePolicy,
  environment,
  externalApi,
  fastCache,
  format,
  grpc,
  httpExternal,
  isRejected,
  kafka,
  messageProducer,
  objectStorage,
  type Policy,
  parse,
  redis,
  standard,
  webService,
} from "ninelives";
import { describe, expect, it } from "vitest";
import { stage } from "./stage.ts";

const down = new Error("down");
const spread = "backoff: exponential(100ms), jitter: 0.3, maximumDelay: 10s";

type Preset = (circuit?: CircuitBreakerOptions) => Policy;

const presets: readonly (readonly [string, Preset, string])[] = [
  ["standard", standard, "bulkhead(1000) + timeout(30s) + retry(3) + circuitBreaker + timeout(10s)"],
  [
    "webService",
    webService,
    "timeout(5s) + retry(3) + circuitBreaker(consecutiveFailures: 10, openFor: 30s) + bulkhead(100)",
  ],
  [
    "databaseClient",
    databaseClient,
    "timeout(10s) + circuitBreaker(consecutiveFailures: 5, openFor: 1m) + bulkhead(50)",
  ],
  [
    "externalApi",
    externalApi,
    "timeout(15s) + retry(5, backoff: exponential(500ms)) + circuitBreaker(consecutiveFailures: 15, openFor: 2m) + bulkhead(20)",
  ],
  ["fastCache", fastCache, "timeout(100ms)"],
  [
    "messageProducer",
    messageProducer,
    "timeout(1m) + retry(20, backoff: exponential(200ms), budget: retryBudget) + bulkhead(50)",
  ],
  [
    "grpc",
    grpc,
    `circuitBreaker(consecutiveFailures: 5, openFor: 1m, successesToClose: 2) + timeout(30s) + retry(4, ${spread})`,
  ],
  [
    "database",
    database,
    "circuitBreaker(consecutiveFailures: 10, openFor: 30s, successesToClose: 2) + timeout(10s)",
  ],
  [
    "redis",
    redis,
    `circuitBreaker(consecutiveFailures: 3, openFor: 15s, successesToClose: 2) + timeout(5s) + retry(3, ${spread})`,
  ],
  [
    "httpExternal",
    httpExternal,
    `circuitBreaker(consecutiveFailures: 5, openFor: 2m, successesToClose: 2) + timeout(1m) + retry(6, ${spread})`,
  ],
  [
    "kafka",
    kafka,
    `circuitBreaker(consecutiveFailures: 5, openFor: 30s, successesToClose: 2) + timeout(5s) + retry(4, ${spread})`,
  ],
  [
    "objectStorage",
    objectStorage,
    `circuitBreaker(consecutiveFailures: 5, openFor: 1m, successesToClose: 2) + timeout(2m) + retry(6, ${spread})`,
  ],
];

describe.each(presets)("%s", (name, make, text) => {
  it("is what its text says", () => {
    expect(format(make())).toBe(text);
    expect(describePolicy(parse(text))).toEqual(describePolicy(make()));
  });

  it("is known to texts by its name", async () => {
    expect(format(parse(`${name} | answer(1)`))).toBe(`${name} | answer(1)`);
    expect(await parse(name).execute(async () => "ok")).toBe("ok");
  });

  it("lets a call that succeeds pass, once", async () => {
    const { clock, origin, succeed } = stage(make());
    expect((await succeed()).seen).toEqual({ value: "ok" });
    expect(origin.calls.length).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it("ends a call that hangs", async () => {
    const { clock, call } = stage(make());
    const seen = call();
    await clock.advance(120_000);
    expect(isRejected(seen.error, "timeout")).toBe(true);
    expect(clock.pending).toBe(0);
  });
});

describe("presets with a circuit", () => {
  const withCircuit = presets.filter(([, , text]) => text.includes("circuitBreaker"));

  it.each(withCircuit)("%s takes the options of its circuit, in code and in text", (name, make) => {
    expect(format(make({ name: "shop", openFor: "7s" }))).toMatch(/name: "shop".*openFor: 7s/);
    expect(format(parse(`${name}(name: "shop")`))).toBe(`${name}(name: "shop")`);
    expect(() => parse(`${name}(openFor: 7)`)).not.toThrow();
    expect(() => parse(`${name}(probes: 0)`)).toThrow("circuitBreaker: probes");
  });

  it("count a whole operation as one where the circuit is outside: redis opens after 3 calls with 3 attempts", async () => {
    const { clock, origin, call } = stage(redis(), { random: () => 0.5 });
    for (let made = 0; made < 3; made++) {
      origin.script(...Array.from({ length: 3 }, () => () => Promise.reject(down)));
      const seen = call();
      await clock.advance(1_000);
      expect(seen.error).toBe(down);
    }
    const refused = call();
    await clock.advance(0);
    expect(isRejected(refused.error, "circuit-open")).toBe(true);
    expect(origin.calls.length).toBe(9);
    expect(clock.pending).toBe(0);
  });

  it("have state of their own each time they are made", async () => {
    const [one, other] = [stage(databaseClient()), stage(databaseClient())];
    for (let call = 0; call < 5; call++) await one.fail(down);
    expect(isRejected((await one.fail(down)).error, "circuit-open")).toBe(true);
    expect((await other.succeed()).seen).toEqual({ value: "ok" });
  });
});

describe("messageProducer", () => {
  it("gives up after a minute", async () => {
    const { clock, origin, call } = stage(messageProducer(), { random: () => 0.99 });
    origin.script(...Array.from({ length: 20 }, () => () => Promise.reject(down)));
    const seen = call();
    await clock.advance(60_000);
    expect(seen.error).toBe(down);
    expect(origin.calls.length).toBeLessThan(10);
    expect(clock.pending).toBe(0);
  });

  it("sends no more than a fifth again while everything fails", async () => {
    const policy = compose(environment({ random: () => 0 }), messageProducer());
    const { clock, origin, call } = stage(policy);
    origin.script(...Array.from({ length: 200 }, () => () => Promise.reject(down)));
    for (let made = 0; made < 40; made++) call();
    await clock.advance(0);
    expect(origin.calls.length).toBe(48);
    expect(clock.pending).toBe(0);
  });
});

it.each(["fastCache(1)", 'messageProducer(name: "x")', "identity(1)"])("%s is refused", (text) => {
  expect(() => parse(text)).toThrow(/takes no options$/);
});
