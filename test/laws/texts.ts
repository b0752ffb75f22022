import fc from "fast-check";
import type { AnyPolicy, Context } from "ninelives";
import { circuitBreaker } from "ninelives";

type Text = fc.Arbitrary<string>;

/** Stands before the name of each policy in a text that is yet to be laid out. */
export const mark = "\u0001";

const whole = (least: number, most: number): Text => fc.integer({ min: least, max: most }).map(String);
const share = fc.constantFrom("0.125", "0.25", "0.5", "1", "1e-2");
const duration = fc.oneof(
  whole(1, 1_999).map((ms) => `${ms}ms`),
  whole(1, 119).map((s) => `${s}s`),
  fc.constantFrom("1.5s", "2m", "0.5h", "250"),
);
const named = fc.string({ maxLength: 8 }).map((text) => JSON.stringify(text));

/** A call by its arguments: `first` without its name, the others by theirs, and those of `needed` always. */
function call(
  name: string,
  first?: Text,
  options: Readonly<Record<string, Text>> = {},
  needed: readonly string[] = [],
): Text {
  const rest = fc.record(options, { requiredKeys: [...needed] });
  return fc.tuple(first ?? fc.constant(undefined), rest).map(([value, chosen]) => {
    const list = Object.entries(chosen).map(([option, given]) => `${option}: ${given}`);
    if (value !== undefined) list.unshift(value);
    return list.length === 0 ? name : `${name}(${list.join(", ")})`;
  });
}

/** Calls of each value that texts know. */
export const values: Readonly<Record<string, Text>> = {
  aimd: call("aimd", undefined, {
    decrease: share.filter((s) => s !== "1" && s !== "1e-2"),
    slowAfter: duration,
  }),
  aimdRate: call("aimdRate", undefined, { increase: share, minimum: share, maximumPause: duration }),
  constant: call("constant", duration),
  exponential: call("exponential", duration, { factor: whole(1, 4) }),
  gcra: call("gcra"),
  gradient2: call("gradient2", undefined, { tolerance: whole(1, 3), queue: whole(0, 9), window: duration }),
  linear: call("linear", duration),
  percentile: call("percentile", share, {
    window: whole(9, 99),
    minimumCalls: whole(1, 9),
    initial: duration,
  }),
  retryBudget: call("retryBudget", undefined, { ratio: share, minimum: whole(0, 9), window: duration }),
  sequence: fc.array(duration, { minLength: 1, maxLength: 4 }).map((list) => `sequence(${list.join(", ")})`),
  slidingCounter: call("slidingCounter"),
  slidingLog: call("slidingLog"),
  tokenBucket: call("tokenBucket"),
  tokenBudget: call("tokenBudget", undefined, { kind: fc.constantFrom('"aws"', '"grpc"'), gain: share }),
  vegas: call("vegas", undefined, { window: duration }),
};

const oneOf = (...names: (keyof typeof values)[]): Text =>
  fc.oneof(...names.map((name) => values[name] as Text));

const queue = {
  queue: whole(0, 9),
  maximumWait: duration,
  order: fc.constantFrom('"fifo"', '"lifo"'),
  priority: whole(-9, 9),
};
const circuit = {
  name: named,
  consecutiveFailures: whole(1, 9),
  failureRate: share,
  slowCall: fc.oneof(
    duration,
    fc.tuple(duration, share).map(([ms, rate]) => `${ms}, slowCallRate: ${rate}`),
  ),
  window: fc.oneof(
    whole(20, 99),
    duration.filter((text) => text !== "250"),
  ),
  minimumCalls: whole(1, 20),
  openFor: fc.oneof(
    duration,
    duration.map((ms) => `${ms}, maximumOpenFor: ${ms}`),
  ),
  probes: whole(1, 9),
  successesToClose: whole(1, 9),
};
const preset = (name: string): Text => call(name, undefined, circuit);
const budget = oneOf("retryBudget", "tokenBudget");
const answered = fc.oneof(named, whole(-9, 9), fc.constantFrom("true", "false", "1.25", "cached"));

/** Calls of each policy that texts know, presets among them. */
export const policies: Readonly<Record<string, Text>> = {
  adaptiveLimit: call(
    "adaptiveLimit",
    oneOf("aimd", "vegas", "gradient2"),
    { initial: whole(10, 20), minimum: whole(1, 10), maximum: whole(20, 99), ...queue },
    ["queue", "maximumWait"],
  ),
  answer: call("answer", answered),
  bulkhead: call("bulkhead", whole(1, 99), queue, ["queue", "maximumWait"]),
  cache: call(
    "cache",
    fc.constant("byKey"),
    { ttl: duration, staleWhileRevalidate: duration, staleIfError: duration, maximumEntries: whole(1, 99) },
    ["ttl"],
  ),
  chaos: call(
    "chaos",
    share,
    { latency: duration, fault: named, seed: whole(0, 99), enabled: fc.constantFrom("true", "false") },
    ["latency"],
  ),
  circuitBreaker: call("circuitBreaker", undefined, circuit),
  coalesce: call("coalesce", fc.constant("byKey")),
  contextStorage: fc.constant("contextStorage(store)"),
  database: preset("database"),
  databaseClient: preset("databaseClient"),
  environment: call("environment", undefined, { name: named, sink: fc.constant("sink") }),
  externalApi: preset("externalApi"),
  fallback: call("fallback", answered),
  fastCache: fc.constant("fastCache"),
  grpc: preset("grpc"),
  hedge: call("hedge", fc.oneof(duration, oneOf("percentile")), { hedges: whole(0, 3), budget }),
  httpExternal: preset("httpExternal"),
  identity: fc.constantFrom("identity", "identity()"),
  kafka: preset("kafka"),
  keyed: call("keyed", fc.constant("perHost"), { maximumKeys: whole(1, 9) }),
  messageProducer: fc.constant("messageProducer"),
  objectStorage: preset("objectStorage"),
  rateLimit: call("rateLimit", whole(1, 99), {
    per: duration,
    burst: whole(1, 99),
    maximumWait: duration,
    algorithm: oneOf("tokenBucket", "gcra"),
    feedback: oneOf("aimdRate"),
  }),
  redis: preset("redis"),
  retry: call("retry", whole(1, 9), {
    backoff: oneOf("constant", "linear", "exponential", "sequence"),
    jitter: fc.constantFrom('"none"', '"full"', '"equal"', '"decorrelated"', "0.3"),
    maximumDelay: duration,
    within: duration,
    budget,
  }),
  standard: preset("standard"),
  throttle: call("throttle", whole(1, 9), { window: duration, minimumCalls: whole(1, 9) }),
  timeout: fc.oneof(call("timeout", duration), call("timeout", undefined, { after: duration }, ["after"])),
  webService: preset("webService"),
};

/** What the names of these texts mean. */
export const scope: Readonly<Record<string, unknown>> = {
  byKey: (request: unknown) => String(request),
  cached: { items: [] },
  perHost: (host: string): AnyPolicy => circuitBreaker({ name: host }),
  sink: { emit() {} },
  store: { run: <R>(_: Context, callback: () => R): R => callback(), getStore: () => undefined },
};

const leaf = fc.oneof(...Object.values(policies)).map((text) => mark + text);

/** Texts of all policies, joined and bracketed at random, with a mark before the name of each. */
export const texts: Text = fc.letrec<{ text: string }>((tie) => ({
  text: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc
      .tuple(
        fc.constantFrom(" + ", " | ", " & ", "+", "\n| ", "\n\t&\n"),
        fc.array(tie("text"), { minLength: 1, maxLength: 4 }),
      )
      .map(([operator, parts]) => parts.join(operator)),
    tie("text").map((inner) => `(${inner})`),
    tie("text").map((inner) => `( ${inner}\n)`),
  ),
})).text;
