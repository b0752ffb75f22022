import { type AllFailedError, isRejected, type RejectedError } from "../core/errors.ts";

export interface ToResponseOptions {
  /**
   * Whether the answer also says which policy refused, after how many attempts, and in what words: for callers who may
   * know how the service is built. Default false.
   */
  readonly details?: boolean;
}

/** What an error is called, and its status. */
interface Problem {
  readonly type: string;
  readonly status: number;
  readonly retryAfter?: number | undefined;
}

/** Other refusals are of the service's making and pass: 503. */
const statusOfKind: Readonly<Record<string, number>> = { timeout: 504, "rate-limited": 429 };

const internal: Problem = { type: "internal", status: 500 };
const badGateway: Problem = { type: "bad-gateway", status: 502 };
const timedOut: Problem = { type: "timeout", status: 504 };
/** nginx's status for it; whoever could read it has gone. */
const abandoned: Problem = { type: "client-closed-request", status: 499 };

/** What each runtime's `fetch` says when the network failed: a TypeError without any other mark in all browsers. */
const networkFailures =
  /^(?:fetch failed|failed to fetch|load failed|networkerror |network connection lost|error sending request)/i;

/**
 * Answers for a call that failed, as a server: `application/problem+json` (RFC 9457) with the status that fits.
 *
 * A refusal is 503, or 429 for a rate limit, with `Retry-After` where the policy knows it; a timeout is 504; a dependency
 * that could not be reached is 502, and anything else 500. Where all branches failed it is 503 if every one was refused,
 * 504 if every one was late, else 502. An answer tells nothing of the error itself unless `details` asks for it, and even
 * then only what policies wrote: log what is 500.
 *
 * @example
 * export default {
 *   fetch: (request: Request) => handle(request).catch((error) => toResponse(error)),
 * };
 */
export function toResponse(error: unknown, options: ToResponseOptions = {}): Response {
  const { type, status, retryAfter } = problemOf(error);
  const headers = new Headers({ "content-type": "application/problem+json", "cache-control": "no-store" });
  if (retryAfter !== undefined) {
    headers.set("retry-after", String(Math.max(1, Math.ceil(retryAfter / 1_000))));
  }
  const body = {
    type: `urn:ninelives:problem:${type}`,
    title: type.replaceAll("-", " "),
    status,
    ...(options.details === true && isRejected(error) && detailsOf(error)),
    ...(retryAfter !== undefined && { retryAfter }),
  };
  return new Response(JSON.stringify(body), { status, headers });
}

function detailsOf({ message, policy, attempts }: RejectedError): object {
  return { detail: message, policy, attempts };
}

function problemOf(error: unknown): Problem {
  if (isRejected(error)) {
    const { kind, retryAfter } = error;
    return { type: kind, status: statusOfKind[kind] ?? 503, retryAfter };
  }
  if (typeof error !== "object" || error === null) return internal;
  if ((error as Partial<AllFailedError>).kind === "all-failed") return problemOfAll(error as AllFailedError);
  const { name, overloaded } = error as { name?: unknown; overloaded?: unknown };
  if (name === "AbortError") return abandoned;
  if (name === "TimeoutError") return timedOut;
  // https://developers.cloudflare.com/durable-objects/best-practices/error-handling/
  if (overloaded === true) return { type: "overloaded", status: 503 };
  return isNetworkFailure(error) ? badGateway : internal;
}

function problemOfAll({ errors }: AllFailedError): Problem {
  const problems = errors.map(problemOf);
  if (errors.every((each) => isRejected(each, "timeout"))) return timedOut;
  if (!errors.every((each) => isRejected(each) && each.kind !== "timeout")) return badGateway;
  // The first branch that is free again is enough.
  const waits = problems.flatMap(({ retryAfter }) => retryAfter ?? []);
  return { type: "all-refused", status: 503, retryAfter: waits.length > 0 ? Math.min(...waits) : undefined };
}

/** By undici's `cause.code`, workerd's `retryable`, or the message, which is all that browsers give. */
function isNetworkFailure(error: object): boolean {
  const { message, cause, retryable } = error as { message?: unknown; cause?: unknown; retryable?: unknown };
  if (retryable === true) return true;
  if (typeof message === "string" && networkFailures.test(message)) return true;
  return (
    error instanceof TypeError &&
    typeof cause === "object" &&
    cause !== null &&
    typeof (cause as { code?: unknown }).code === "string"
  );
}
