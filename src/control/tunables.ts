import { within } from "../core/check.ts";
import { duration, type Table } from "../core/options.ts";
import { adaptiveLimitOptions } from "../policies/adaptive-limit.ts";
import { retryBudgetTable, tokenBudgetTable } from "../policies/budget.ts";
import { bulkheadOptions } from "../policies/bulkhead.ts";
import { cacheOptions } from "../policies/cache.ts";
import { chaosOptions } from "../policies/chaos.ts";
import { circuitBreakerOptions } from "../policies/circuit-breaker.ts";
import { coalesceOptions } from "../policies/coalesce.ts";
import { hedgeOptions } from "../policies/hedge.ts";
import { aimdTable, gradient2Table, vegasTable } from "../policies/limit-algorithms.ts";
import { percentileTable } from "../policies/percentile.ts";
import { aimdRateTable } from "../policies/rate-feedback.ts";
import { rateLimitOptions } from "../policies/rate-limit.ts";
import { retryOptions } from "../policies/retry.ts";
import { throttleOptions } from "../policies/throttle.ts";
import { timeoutOptions } from "../policies/timeout.ts";

/** The options of the policies that a text knows, by their names. */
export const policyTables: Readonly<Record<string, Table>> = {
  adaptiveLimit: adaptiveLimitOptions,
  bulkhead: bulkheadOptions,
  cache: cacheOptions,
  chaos: chaosOptions,
  circuitBreaker: circuitBreakerOptions,
  coalesce: coalesceOptions,
  hedge: hedgeOptions,
  rateLimit: rateLimitOptions,
  retry: retryOptions,
  throttle: throttleOptions,
  timeout: timeoutOptions,
};

/** Of the values that policies take. The first option of some stands without its name. */
export const valueTables: Readonly<Record<string, Table>> = {
  aimd: aimdTable,
  aimdRate: aimdRateTable,
  constant: { delay: { check: duration, required: true } },
  exponential: {
    first: { check: duration, required: true },
    factor: { check: (value: number, option: string) => within(value, option, 1, 100), initial: 2 },
  },
  gradient2: gradient2Table,
  linear: { step: { check: duration, required: true } },
  percentile: percentileTable,
  retryBudget: retryBudgetTable,
  tokenBudget: tokenBudgetTable,
  vegas: vegasTable,
};

/** Those that hand all their options on to their circuit, and have others than its defaults for some. */
const presets = [
  "database",
  "databaseClient",
  "externalApi",
  "grpc",
  "httpExternal",
  "kafka",
  "objectStorage",
  "redis",
  "standard",
  "webService",
];

/** Whether what was not given holds as the table says. */
export function hasDefaults(name: string): boolean {
  return !presets.includes(name);
}

/** What the first option of a policy or a value is called that may stand without its name. */
export function firstOption(name: string): string | undefined {
  const table = tableOf(name) ?? {};
  const [first] = Object.keys(table);
  return first === undefined || table[first]?.named ? undefined : first;
}

/** The options of a policy or a value. */
export function tableOf(name: string): Table | undefined {
  if (presets.includes(name)) return circuitBreakerOptions;
  if (Object.hasOwn(policyTables, name)) return policyTables[name];
  return Object.hasOwn(valueTables, name) ? valueTables[name] : undefined;
}
