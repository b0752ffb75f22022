export { parseRetryAfter } from "../core/retry-after.ts";
export { classifyHttp } from "./classify.ts";
export { type CoalesceGetsOptions, coalesceGets } from "./coalesce-gets.ts";
export { type DeadlineDialect, deadlineHeaderNames } from "./deadline-dialects.ts";
export { type DeadlineHeaderOptions, deadlineHeader } from "./deadline-header.ts";
export { httpPolicies } from "./http-policies.ts";
export { type IdempotencyKeyOptions, idempotencyKey } from "./idempotency-key.ts";
export { idempotentOnly } from "./idempotent-only.ts";
export { idleTimeout } from "./idle-timeout.ts";
export { type IncomingDeadlineOptions, incomingDeadline } from "./incoming-deadline.ts";
export { type IncomingPriorityOptions, incomingPriority } from "./incoming-priority.ts";
export {
  type OpenTelemetry,
  type OpenTelemetryApi,
  type OpenTelemetryOptions,
  type OpenTelemetrySpan,
  openTelemetry,
} from "./open-telemetry.ts";
export type { Origins } from "./origins.ts";
export { perOrigin } from "./per-origin.ts";
export { type PolicySpansOptions, policySpans } from "./policy-spans.ts";
export { parseRateLimit, type RateLimitHint } from "./rate-limit-headers.ts";
export { rateLimitHints } from "./rate-limit-hints.ts";
export { isIdempotent } from "./repeatable.ts";
export { type ReplayBodyOptions, replayBody } from "./replay-body.ts";
export {
  type FetchCall,
  type ResilientFetch,
  type ResilientFetchOptions,
  type ResilientInit,
  resilientFetch,
} from "./resilient-fetch.ts";
export { type HttpCache, type StaleIfErrorOptions, staleIfError } from "./stale-if-error.ts";
export { type ToResponseOptions, toResponse } from "./to-response.ts";
export { type TraceContextOptions, traceContext } from "./trace-context.ts";
export { incomingTrace } from "./traceparent.ts";
