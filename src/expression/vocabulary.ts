import { known } from "../core/check.ts";
import { environment } from "../core/environment.ts";
import { identity, type Policy } from "../core/policy.ts";
import { adaptiveLimit } from "../policies/adaptive-limit.ts";
import { answer, fallback } from "../policies/answer.ts";
import { constant, exponential, linear, sequence } from "../policies/backoff.ts";
import { retryBudget, tokenBudget } from "../policies/budget.ts";
import { bulkhead } from "../policies/bulkhead.ts";
import { cache } from "../policies/cache.ts";
import { chaos } from "../policies/chaos.ts";
import { circuitBreaker } from "../policies/circuit-breaker.ts";
import { coalesce } from "../policies/coalesce.ts";
import { contextStorage } from "../policies/context-storage.ts";
import { hedge } from "../policies/hedge.ts";
import { keyed } from "../policies/keyed.ts";
import { aimd, gradient2, vegas } from "../policies/limit-algorithms.ts";
import { percentile } from "../policies/percentile.ts";
import {
  database,
  databaseClient,
  externalApi,
  fastCache,
  grpc,
  httpExternal,
  kafka,
  messageProducer,
  objectStorage,
  redis,
  standard,
  webService,
} from "../policies/presets.ts";
import { gcra, slidingCounter, slidingLog, tokenBucket } from "../policies/rate-algorithms.ts";
import { aimdRate } from "../policies/rate-feedback.ts";
import { rateLimit } from "../policies/rate-limit.ts";
import { retry } from "../policies/retry.ts";
import { throttle } from "../policies/throttle.ts";
import { timeout } from "../policies/timeout.ts";

/** A policy or a value as a text calls it: with positional arguments, then one object of the named ones, if any. */
export type TextFunction = (...args: never[]) => unknown;

/** Takes the named arguments, which come last, off a list; an adaptive or described value or a policy is an argument like others. */
function takeNamed(args: unknown[]): Record<string, unknown> | undefined {
  const last = args.at(-1);
  if (typeof last !== "object" || last === null || "recipe" in last) return undefined;
  const plain = Object.getPrototypeOf(last) === Object.prototype;
  return plain ? (args.pop() as Record<string, unknown>) : undefined;
}

/** Calls a policy that takes one object of options, of which the first may stand without its name. */
const options =
  (make: (chosen: never) => Policy, first?: string): TextFunction =>
  (...args: unknown[]) => {
    const named = takeNamed(args) ?? {};
    if (args.length > (first === undefined ? 0 : 1)) {
      throw new TypeError(
        `${make.name} takes its options by name${first === undefined ? "" : `, save ${first}`}`,
      );
    }
    if (args.length === 0 || first === undefined) return make(named as never);
    if (first in named) throw new TypeError(`${make.name} got ${first} twice`);
    return make({ [first]: args[0], ...named } as never);
  };

/** Calls what takes one argument, which may stand with its name, and then perhaps an object of options. */
const leading =
  (make: (value: never, more: never) => unknown, first: string, ...more: readonly string[]): TextFunction =>
  (...args: unknown[]) => {
    const named = takeNamed(args) ?? {};
    known(named, make.name, [first, ...more]);
    if (args.length > 1) throw new TypeError(`${make.name} takes its options by name, save ${first}`);
    const { [first]: value, ...rest } = named;
    if (args.length === 1 && first in named) throw new TypeError(`${make.name} got ${first} twice`);
    return make((args.length === 1 ? args[0] : value) as never, rest as never);
  };

/** Calls what takes no options. */
function bare(name: string, make: () => unknown): TextFunction {
  return (...args: unknown[]) => {
    if (args.length > 0) throw new TypeError(`${name} takes no options`);
    return make();
  };
}

/** The policies that every text knows. */
export const policies: Readonly<Record<string, TextFunction>> = {
  adaptiveLimit: options(adaptiveLimit, "algorithm"),
  answer,
  bulkhead: options(bulkhead, "limit"),
  cache: options(cache, "key"),
  chaos: options(chaos, "rate"),
  circuitBreaker: options(circuitBreaker),
  coalesce: options(coalesce, "key"),
  contextStorage,
  database: options(database),
  databaseClient: options(databaseClient),
  environment: options(environment),
  externalApi: options(externalApi),
  fallback,
  fastCache: bare("fastCache", fastCache),
  grpc: options(grpc),
  hedge: options(hedge, "after"),
  httpExternal: options(httpExternal),
  identity: bare("identity", () => identity),
  kafka: options(kafka),
  keyed,
  messageProducer: bare("messageProducer", messageProducer),
  objectStorage: options(objectStorage),
  rateLimit: options(rateLimit, "limit"),
  redis: options(redis),
  retry: options(retry, "attempts"),
  standard: options(standard),
  throttle: options(throttle, "k"),
  timeout: leading(timeout, "after"),
  webService: options(webService),
};

/** The values that every text knows, beside numbers, durations, strings, true and false. */
export const values: Readonly<Record<string, TextFunction>> = {
  aimd,
  aimdRate,
  constant: leading(constant, "delay"),
  exponential: leading(exponential, "first", "factor"),
  gcra: bare("gcra", gcra),
  gradient2,
  linear: leading(linear, "step"),
  percentile,
  retryBudget,
  sequence,
  slidingCounter: bare("slidingCounter", slidingCounter),
  slidingLog: bare("slidingLog", slidingLog),
  tokenBucket: bare("tokenBucket", tokenBucket),
  tokenBudget,
  vegas,
};
