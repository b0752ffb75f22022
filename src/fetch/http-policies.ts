import type { Scope } from "../expression/parse.ts";
import { coalesceGets } from "./coalesce-gets.ts";
import { deadlineHeader } from "./deadline-header.ts";
import { idempotencyKey } from "./idempotency-key.ts";
import { idempotentOnly } from "./idempotent-only.ts";
import { idleTimeout } from "./idle-timeout.ts";
import { perOrigin } from "./per-origin.ts";
import { rateLimitHints } from "./rate-limit-hints.ts";
import { replayBody } from "./replay-body.ts";
import { staleIfError } from "./stale-if-error.ts";
import { traceContext } from "./trace-context.ts";

/**
 * The policies of HTTP by name, for the text form: the scope to `parse` a text with.
 *
 * @example
 * const policy = parse<FetchCall, Response>("staleIfError + standard + traceContext", httpPolicies);
 */
export const httpPolicies: Scope = {
  coalesceGets,
  deadlineHeader,
  idempotencyKey,
  idempotentOnly,
  idleTimeout,
  perOrigin,
  rateLimitHints,
  replayBody,
  staleIfError,
  traceContext,
};
