import { AllFailedError, isRejected } from "ninelives";
import { CommandError, type CommandFailure, JwksError, type Problem } from "ninelives/control";
import { toResponse } from "ninelives/fetch";
import { BatchError } from "ninelives/telemetry";

/** What a problem is called, its status, and what a reader should know. */
export interface ProblemDetails {
  readonly status: number;
  /** The name behind `urn:ninelives:problem:`. */
  readonly type: string;
  readonly detail: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What a program may read beside it. */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** A body that is no JSON. */
export class BadJsonError extends Error {
  override readonly name = "BadJsonError";
}

/** An answer that says what is wrong (RFC 9457). */
export function problem({ status, type, detail, headers, members }: ProblemDetails): Response {
  const body: Problem = {
    ...members,
    type: `urn:ninelives:problem:${type}`,
    title: type.replaceAll("-", " "),
    status,
    detail,
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "content-type": "application/problem+json",
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
      ...headers,
    },
  });
}

const commandStatus: Readonly<Record<CommandFailure, number>> = {
  unauthenticated: 401,
  forbidden: 403,
  "unknown-command": 404,
  "not-found": 404,
  conflict: 409,
  "invalid-arguments": 422,
};

/** The answer to an error. What is not ours is told without its message, which may hold what nobody should see. */
export function problemOf(error: unknown): Response {
  if (error instanceof CommandError) {
    const challenge = error.kind === "unauthenticated" ? { "www-authenticate": "Bearer" } : {};
    const { kind, message, members } = error;
    return problem({ status: commandStatus[kind], type: kind, detail: message, headers: challenge, members });
  }
  if (error instanceof BadJsonError) return problem({ status: 400, type: "bad-json", detail: error.message });
  if (error instanceof JwksError) {
    const retryAfter = String(Math.ceil(error.retryAfter / 1_000));
    const headers = { "retry-after": retryAfter };
    return problem({ status: 503, type: "issuer-unreachable", detail: error.message, headers });
  }
  if (error instanceof BatchError) {
    return problem({ status: error.status, type: error.problem, detail: error.message });
  }
  if (isRejected(error) || error instanceof AllFailedError) {
    const response = toResponse(error, { details: true });
    response.headers.set("x-content-type-options", "nosniff");
    return response;
  }
  console.error(error);
  return problem({ status: 500, type: "internal", detail: "something went wrong that should not have" });
}
