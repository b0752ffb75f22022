import type { Scope } from "../expression/parse.ts";
import { coalesceGets } from "./coalesce-gets.ts";
import { deadlineHeader } from "./deadline-header.ts";
import { idleTimeout } from "./idle-timeout.ts";
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
  idleTimeout,
  staleIfError,
  traceContext,
};
