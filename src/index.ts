export {
  type Adaptive,
  type AdaptiveOptions,
  adaptive,
  type Changeable,
  type Tunable,
} from "./core/adaptive.ts";
export type { CallOptions, Trace } from "./core/call.ts";
export { type Classify, classifyError, type Outcome, type Verdict } from "./core/classify.ts";
export { type Clock, systemClock, type TimerHandle } from "./core/clock.ts";
export type { Context } from "./core/context.ts";
export { type Argument, type DescribedValue, type Description, describe } from "./core/description.ts";
export type { Duration } from "./core/duration.ts";
export { type EnvironmentOptions, environment } from "./core/environment.ts";
export {
  AllFailedError,
  isRejected,
  RejectedError,
  type RejectionDetails,
  type RejectionKind,
} from "./core/errors.ts";
export type { CircuitState, EventSink, EventType, PolicyEvent } from "./core/events.ts";
export type { Environment } from "./core/platform.ts";
export {
  type AnyPolicy,
  compose,
  definePolicy,
  definePolicyFor,
  identity,
  type LayerFor,
  type Operation,
  orElse,
  type Policy,
  race,
  type Service,
  type Wrapped,
} from "./core/policy.ts";
export type { Random } from "./core/random.ts";
export { format } from "./expression/format.ts";
export { ExpressionError, parse, policy, type Scope } from "./expression/parse.ts";
export {
  type AdaptiveLimit,
  type AdaptiveLimitOptions,
  type AdaptiveLimitSnapshot,
  adaptiveLimit,
} from "./policies/adaptive-limit.ts";
export { answer, fallback } from "./policies/answer.ts";
export {
  type AnyBackoff,
  type Backoff,
  type ComputedBackoff,
  constant,
  type ExponentialOptions,
  exponential,
  type Jitter,
  linear,
  sequence,
} from "./policies/backoff.ts";
export {
  type Purse,
  type RetryBudgetOptions,
  retryBudget,
  type SharedBudget,
  type TokenBudgetOptions,
  tokenBudget,
} from "./policies/budget.ts";
export { type Bulkhead, type BulkheadOptions, bulkhead } from "./policies/bulkhead.ts";
export { type Cache, type CacheOptions, cache, type Lifetime } from "./policies/cache.ts";
export { type ChaosOptions, chaos } from "./policies/chaos.ts";
export { type CircuitBreaker, circuitBreaker } from "./policies/circuit-breaker.ts";
export type { CircuitBreakerOptions } from "./policies/circuit-options.ts";
export { type CoalesceOptions, coalesce } from "./policies/coalesce.ts";
export { type AsyncStorage, type ContextStorage, contextStorage } from "./policies/context-storage.ts";
export { type SharedStore, sharedBy } from "./policies/fleet.ts";
export { type HedgeOptions, hedge } from "./policies/hedge.ts";
export { type Keyed, type KeyedOptions, keyed } from "./policies/keyed.ts";
export { type Lease, type LeaseOptions, lease } from "./policies/lease.ts";
export {
  type AimdOptions,
  aimd,
  type Gradient2Options,
  gradient2,
  type LimitAlgorithm,
  type VegasOptions,
  vegas,
} from "./policies/limit-algorithms.ts";
export { type Percentile, type PercentileOptions, percentile } from "./policies/percentile.ts";
export {
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
} from "./policies/presets.ts";
export type { QueueOptions } from "./policies/queue-options.ts";
export {
  gcra,
  type RateAlgorithm,
  slidingCounter,
  slidingLog,
  tokenBucket,
} from "./policies/rate-algorithms.ts";
export { type AimdRateOptions, aimdRate, type RateFeedback } from "./policies/rate-feedback.ts";
export {
  type RateLimit,
  type RateLimitOptions,
  type RateLimitSnapshot,
  rateLimit,
} from "./policies/rate-limit.ts";
export { type MethodDecorator, resilient } from "./policies/resilient.ts";
export { type RetryOptions, retry } from "./policies/retry.ts";
export type { KeyOf, Share } from "./policies/share.ts";
export { type Throttle, type ThrottleOptions, throttle } from "./policies/throttle.ts";
export { timeout } from "./policies/timeout.ts";
export type { CircuitSnapshot } from "./state/circuit.ts";
export type { ConcurrencyLimit, LimitBounds } from "./state/concurrency-limit.ts";
export type { Rate, RateLimiter, RateLimiterSnapshot } from "./state/rate-limiter.ts";
export type { LatenciesSnapshot } from "./state/recent-latencies.ts";
export type { BudgetSnapshot, RetryBudget } from "./state/retry-budget.ts";
export type { RatioSnapshot } from "./state/success-ratio.ts";
export type {
  CircuitReport,
  CircuitView,
  LeaseReport,
  LeaseView,
  LimiterReport,
  LimiterView,
  Report,
  SharedRules,
  Store,
  View,
} from "./state/sync.ts";
