import {
  type Classify,
  classifyError,
  failure,
  type Outcome,
  success,
  type Verdict,
} from "../core/classify.ts";
import { systemClock } from "../core/clock.ts";
import { retryAfterOf } from "../core/retry-after.ts";

/** What the caller did wrong says nothing of the dependency, and would be wrong again. */
export const callerError: Verdict = { kind: "ignored", retryable: false };
const lasting: Verdict = { kind: "failure", retryable: false };
/** What says nothing of the dependency, asks for nothing, and may pass. */
const passing: Verdict = { kind: "ignored", retryable: true, pushback: false };

/** TLS that will not be better, answers that are no HTTP, and what Node's `fetch` refuses to send or to take. */
const lastingCode =
  /^(?:CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HPE_|UND_ERR_(?:INV|NOT|REQ_|RES_|HEADERS_O|DES|CLO))/;
/** A `DOMException` by which somebody within gave up, or the platform refused. */
const givenUp = /^(?:Abort|NotAllowed|Security|QuotaExceeded|DataClone|InvalidState)Error$/;

/**
 * What an outcome of `fetch` means.
 *
 * Statuses from 500 are failures that may pass (501 and 505 will not). 4xx say nothing of the service: 408, 425 and 429
 * may pass, and so may 403 and 413 that say when; the others will not. `Retry-After` is handed on; `rateLimitHints()`
 * reads more. An error is a failure that may pass, save one that workerd marks as `overloaded` or not `retryable`, or
 * whose `code` in Node says that it will not; while the device is offline it says nothing of the service.
 */
export const classifyHttp: Classify = classifierBy(systemClock);

/** The same by another clock, which the dates in headers are compared with when the server's own is not to be seen. */
export function classifierBy(clock: { wall(): number }): Classify {
  return function classify(outcome: Outcome): Verdict {
    if ("error" in outcome) return judge(outcome.error);
    const { value } = outcome;
    // What nearly every call ends with is known by one look.
    if (!hasStatus(value) || value.status < 400 || !hasHeaders(value)) return success;
    const { status } = value;
    if (status === 408 || status === 425) return passing;
    if (status === 501 || status === 505) return lasting;
    if (status < 500 && status !== 429 && status !== 403 && status !== 413) return callerError;
    const retryAfter = retryAfterOf(value, clock);
    if (status >= 500) return retryAfter === undefined ? failure : { ...failure, retryAfter };
    if (status !== 429 && retryAfter === undefined) return callerError;
    return { kind: "ignored", retryable: true, retryAfter };
  };
}

/** By its shape: the Response of another realm, or of a `fetch` from a package, is of another class. */
function hasStatus(value: unknown): value is Pick<Response, "status"> & Partial<Response> {
  return (
    typeof value === "object" && value !== null && typeof (value as Partial<Response>).status === "number"
  );
}

function hasHeaders(value: Partial<Response>): value is Pick<Response, "headers"> {
  return typeof value.headers?.get === "function";
}

/** What errors of the runtimes say beside their message. */
interface Thrown {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly cause?: { readonly code?: unknown } | null;
  /** https://developers.cloudflare.com/durable-objects/best-practices/error-handling/ */
  readonly overloaded?: unknown;
  readonly retryable?: unknown;
}

function judge(error: unknown): Verdict {
  const verdict = classifyError(error);
  if (verdict.kind !== "failure" || typeof error !== "object" || error === null) return verdict;
  const { name, code, cause, overloaded, retryable } = error as Thrown;
  if (givenUp.test(String(name))) return callerError;
  const { navigator } = globalThis as { readonly navigator?: { readonly onLine?: boolean } };
  // Only "no" means anything. https://developer.mozilla.org/docs/Web/API/Navigator/onLine
  if (name === "TypeError" && navigator?.onLine === false) return passing;
  const lasts = overloaded === true || retryable === false || lastingCode.test(String(cause?.code ?? code));
  return lasts ? lasting : verdict;
}
