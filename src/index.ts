export { type Adaptive, adaptive, type Tunable } from "./core/adaptive.ts";
export { type Classify, classifyError, type Outcome, type Verdict } from "./core/classify.ts";
export { type Clock, systemClock, type TimerHandle } from "./core/clock.ts";
export type { CallOptions, Context } from "./core/context.ts";
export type { Argument, DescribedValue, Description } from "./core/description.ts";
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
  describe,
  identity,
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
  type RetryBudgetOptions,
  retryBudget,
  type SharedBudget,
  type TokenBudgetOptions,
  tokenBudget,
} from "./policies/budget.ts";
export { type Bulkhead, type BulkheadOptions, bulkhead } from "./policies/bulkhead.ts";
export {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  circuitBreaker,
} from "./policies/circuit-breaker.ts";
export { type HedgeOptions, hedge } from "./policies/hedge.ts";
export { type Keyed, type KeyedOptions, keyed } from "./policies/keyed.ts";
export { type Percentile, type PercentileOptions, percentile } from "./policies/percentile.ts";
export { standard } from "./policies/presets.ts";
export { type RetryOptions, retry } from "./policies/retry.ts";
export { timeout } from "./policies/timeout.ts";
export type { CircuitSnapshot } from "./state/circuit.ts";
export type { RetryBudget } from "./state/retry-budget.ts";
export type { Report, Store, View } from "./state/sync.ts";
