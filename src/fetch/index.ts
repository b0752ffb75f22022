export { classifyHttp } from "./classify.ts";
export { type CoalesceGetsOptions, coalesceGets } from "./coalesce-gets.ts";
export type { DeadlineDialect } from "./deadline-dialects.ts";
export { type DeadlineHeaderOptions, deadlineHeader } from "./deadline-header.ts";
export { httpPolicies } from "./http-policies.ts";
export { idleTimeout } from "./idle-timeout.ts";
export { type IncomingDeadlineOptions, incomingDeadline } from "./incoming-deadline.ts";
export type { Origins } from "./origins.ts";
export {
  type FetchCall,
  type ResilientFetchOptions,
  type ResilientInit,
  resilientFetch,
} from "./resilient-fetch.ts";
export { parseRetryAfter } from "./retry-after.ts";
export { type HttpCache, type StaleIfErrorOptions, staleIfError } from "./stale-if-error.ts";
export { type ToResponseOptions, toResponse } from "./to-response.ts";
export { type TraceContextOptions, traceContext } from "./trace-context.ts";
export { incomingTrace } from "./traceparent.ts";
