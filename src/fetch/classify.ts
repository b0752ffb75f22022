import { classifyError, failure, type Outcome, success, type Verdict } from "../core/classify.ts";
import { parseRetryAfter } from "./retry-after.ts";

/** What the caller did wrong says nothing of the dependency, and would be wrong again. */
const callerError: Verdict = { kind: "ignored", retryable: false };
const unsupported: Verdict = { kind: "failure", retryable: false };

/**
 * What an outcome of `fetch` means.
 *
 * Statuses from 500, 408 and 425 are failures that may pass (501 and 505 will not); 429 may pass too, but is no failure
 * of the service; the other 4xx say nothing of it. `Retry-After` is handed on. An error is a failure; one that workerd
 * marks as `overloaded` is not repeated.
 */
export function classifyHttp(outcome: Outcome): Verdict {
  if ("error" in outcome) {
    const verdict = classifyError(outcome.error);
    return isOverloaded(outcome.error) ? { ...verdict, retryable: false } : verdict;
  }
  const { value } = outcome;
  if (!isResponse(value)) return success;
  const { status } = value;
  if (status < 400) return success;
  if (status === 429) return { kind: "ignored", retryable: true, retryAfter: retryAfter(value) };
  if (status === 408 || status === 425) return failure;
  if (status < 500) return callerError;
  if (status === 501 || status === 505) return unsupported;
  const asked = retryAfter(value);
  return asked === undefined ? failure : { ...failure, retryAfter: asked };
}

/** By its shape: the Response of another realm, or of a `fetch` from a package, is of another class. */
function isResponse(value: unknown): value is Pick<Response, "status" | "headers"> {
  if (typeof value !== "object" || value === null) return false;
  const { status, headers } = value as Partial<Response>;
  return typeof status === "number" && typeof headers?.get === "function";
}

function retryAfter(response: Pick<Response, "headers">): number | undefined {
  const header = response.headers.get("retry-after");
  if (header === null) return undefined;
  const date = Date.parse(response.headers.get("date") ?? "");
  return parseRetryAfter(header, Number.isNaN(date) ? Date.now() : date);
}

function isOverloaded(error: unknown): boolean {
  return (
    typeof error === "object" && error !== null && (error as { overloaded?: unknown }).overloaded === true
  );
}
