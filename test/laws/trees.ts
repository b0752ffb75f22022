import fc from "fast-check";
import {
  type AnyPolicy,
  adaptiveLimit,
  answer,
  bulkhead,
  chaos,
  circuitBreaker,
  compose,
  constant,
  definePolicy,
  definePolicyFor,
  environment,
  fallback,
  hedge,
  identity,
  messageProducer,
  type Outcome,
  orElse,
  parse,
  race,
  rateLimit,
  redis,
  retry,
  retryBudget,
  standard,
  throttle,
  timeout,
  type Verdict,
  webService,
} from "ninelives";
import { ManualClock, recordingSink, seededRandom } from "ninelives/testing";

/** A policy yet to be made, so that each side of a law gets one with state of its own. */
export type Tree =
  | { readonly leaf: keyof typeof leaves }
  | { readonly join: "compose" | "orElse" | "race"; readonly parts: readonly Tree[] };

const joins = { compose, orElse, race };

/** Marks what goes out and what comes back, so that the origin and the caller know the way. */
const marks = (name: string): AnyPolicy =>
  definePolicyFor<string, unknown>(name, (next) => async (request, context) => {
    const value = await next(`${request}${name}`, context);
    return `${value}${name}`;
  }) as unknown as AnyPolicy;

/** What texts know by name. */
export const scope: Readonly<Record<string, unknown>> = {
  byKey: (request: unknown) => `${request}`.slice(0, 1),
  perKey: () => circuitBreaker({ consecutiveFailures: 1, openFor: 80 }),
  store: { run: <R>(_: unknown, callback: () => R): R => callback(), getStore: () => undefined },
  x: marks("x"),
  y: marks("y"),
  throwing: definePolicy("throwing", () => () => {
    throw new Error("thrown at once");
  }),
  refusing: definePolicy("refusing", () => () => Promise.reject(new Error("refused"))),
};

const leaves = {
  identity: () => identity,
  "retry(2)": () => retry({ attempts: 2, backoff: constant(15), jitter: "none" }),
  "retry(3)": () => retry({ attempts: 3, backoff: constant(40), jitter: 0.5, within: "300ms" }),
  "timeout(35)": () => timeout(35),
  "timeout(150)": () => timeout("150ms"),
  circuit: () => circuitBreaker({ consecutiveFailures: 2, openFor: 60 }),
  "one at a time": () => bulkhead(1),
  queue: () => bulkhead({ limit: 1, queue: 2, maximumWait: 55 }),
  answer: () => answer<unknown>("answer") as unknown as AnyPolicy,
  fallback: () => fallback<unknown>("fallback") as unknown as AnyPolicy,
  x: () => scope.x as AnyPolicy,
  y: () => scope.y as AnyPolicy,
  throwing: () => scope.throwing as AnyPolicy,
  refusing: () => scope.refusing as AnyPolicy,
  hedge: () => hedge({ after: 25, budget: retryBudget({ minimum: 2 }) }),
  "rate limit": () => rateLimit({ limit: 2, per: 150, maximumWait: 90 }),
  throttle: () => throttle({ k: 1, minimumCalls: 1 }),
  "adaptive limit": () => adaptiveLimit({ initial: 2, maximum: 3, queue: 1, maximumWait: 45 }),
  chaos: () => chaos<unknown>({ rate: 0.4, latency: 10, fault: "chaos", seed: 9 }) as unknown as AnyPolicy,
  // By their texts, since a function has none.
  cache: () => parse("cache(byKey, ttl: 60ms, staleWhileRevalidate: 40ms, staleIfError: 200ms)", scope),
  coalesce: () => parse("coalesce(byKey)", scope),
  keyed: () => parse("keyed(perKey)", scope),
  storage: () => parse("contextStorage(store)", scope),
  environment: () => environment({ name: "inner" }),
  standard: () => standard({ name: "shop" }),
  redis: () => redis(),
  webService: () => webService(),
  messageProducer: () => messageProducer(),
} satisfies Record<string, () => AnyPolicy>;

/** Makes the policy of a tree. */
export function grow(tree: Tree): AnyPolicy {
  return "leaf" in tree ? leaves[tree.leaf]() : joins[tree.join](...tree.parts.map(grow));
}

export const trees: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ leaf: fc.constantFrom(...(Object.keys(leaves) as (keyof typeof leaves)[])) }),
    fc.record({
      join: fc.constantFrom("compose" as const, "orElse" as const, "race" as const),
      parts: fc.array(tie("tree"), { minLength: 1, maxLength: 3 }),
    }),
  ),
})).tree;

/** What the origin does with its calls, in order, and what callers do. */
export interface Play {
  readonly answers: readonly { readonly after: number; readonly how: "value" | "failing value" | "error" }[];
  readonly calls: readonly {
    readonly at: number;
    readonly abortAfter: number | undefined;
    readonly deadline: number | undefined;
    readonly repeatable: boolean;
  }[];
}

// Each kind of thing has a fraction of a millisecond to itself, so that no two happen at one time by chance: no law says
// which is first.
const aside = (most: number, fraction: number) => fc.nat(most).map((n) => n + fraction);

export const plays: fc.Arbitrary<Play> = fc.record({
  answers: fc.array(
    fc.record({
      after: fc.nat(200),
      how: fc.constantFrom("value", "failing value", "error"),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  calls: fc.array(
    fc.record({
      at: fc.nat(300),
      abortAfter: fc.option(aside(200, 1 / 64), { nil: undefined, freq: 4 }),
      deadline: fc.option(aside(200, 1 / 128), { nil: undefined, freq: 4 }),
      repeatable: fc.constantFrom(true, true, true, false),
    }),
    { minLength: 1, maxLength: 4 },
  ),
});

/** The same play with calls that do not overlap. */
export const oneByOne = ({ answers, calls }: Play): Play => ({
  answers,
  calls: calls.map((call, number) => ({ ...call, at: number * 2_000 + call.at })),
});

const classify = (outcome: Outcome): Verdict => {
  const failed = "error" in outcome || String(outcome.value).startsWith("bad");
  return failed ? { kind: "failure", retryable: true } : { kind: "success", retryable: false };
};

function shown(error: unknown): unknown {
  if (error instanceof AggregateError) return { all: error.errors.map(shown) };
  return error instanceof Error ? `${error.name}: ${error.message}` : error;
}

export interface Performance {
  readonly callers: readonly unknown[];
  readonly origin: readonly unknown[];
  readonly events: readonly string[];
  readonly discarded: readonly unknown[];
  readonly pending: number;
}

/** What callers, the origin and the sink saw of a policy in a play, each with its time. */
export async function perform(policy: AnyPolicy, { answers, calls }: Play): Promise<Performance> {
  const clock = new ManualClock();
  const sink = recordingSink();
  const origin: unknown[] = [];
  const callers: unknown[] = [];
  const discarded: unknown[] = [];
  const world = environment({
    clock,
    sink,
    classify,
    random: seededRandom(1),
    discard: (value) => discarded.push([clock.now(), value]),
  });
  const wrapped = compose(world, policy).wrap((request: unknown, { attempt, signal }) => {
    const number = origin.length;
    const { after, how } = answers[number % answers.length] as Play["answers"][number];
    const seen: Record<string, unknown> = { at: clock.now(), request, attempt };
    origin.push(seen);
    signal.addEventListener("abort", () => {
      seen.aborted = [clock.now(), shown(signal.reason)];
    });
    return new Promise((resolve, reject) => {
      clock.setTimer(() => {
        if (how === "error") reject(new Error(`error ${number}`));
        else resolve(how === "value" ? `value ${number}` : `bad ${number}`);
      }, after);
    });
  });
  for (const [number, { at, abortAfter, deadline, repeatable }] of calls.entries()) {
    clock.setTimer(
      () => {
        const controller = new AbortController();
        if (abortAfter !== undefined) clock.setTimer(() => controller.abort(`abort ${number}`), abortAfter);
        const note = (ended: object) => {
          callers[number] = { at: clock.now(), ...ended };
        };
        wrapped(`${number}`, { signal: controller.signal, deadline, repeatable }).then(
          (value) => note({ value }),
          (error) => note({ error: shown(error) }),
        );
      },
      at + (number + 1) / 16,
    );
  }
  await clock.advance(10_000);
  // A loser's end may come before the winner's news or after it: by a step or two, which no law speaks of.
  const heard = sink.events.filter(({ type }) => type !== "circuit.called");
  const events = heard.map(({ at, type }) => `${type} at ${at - Date.UTC(2026, 0, 1)}`);
  return { callers, origin, events, discarded, pending: clock.pending };
}
