import { type AllFailedError, isRejected, type RejectedError } from "./errors.ts";

/** How a call ended: with a value, or with an error. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** What an outcome means to every policy of the chain. */
export interface Verdict {
  /** `ignored` counts as neither for a circuit, and goes to the caller as it is. */
  readonly kind: "success" | "failure" | "ignored";
  /** Whether another try may end otherwise. */
  readonly retryable: boolean;
  /** Milliseconds that the other side asked to wait before a new try. */
  readonly retryAfter?: number | undefined;
  /** Whether the other side asked for fewer calls. Default: when it said when to come back, or when it is ignored yet retryable. */
  readonly pushback?: boolean | undefined;
}

/** The one judge of a chain. It must not throw. */
export type Classify = (outcome: Outcome) => Verdict;

export const success: Verdict = { kind: "success", retryable: false };
export const failure: Verdict = { kind: "failure", retryable: true };

/** A policy's own refusal says nothing of the dependency, and a new try would meet the same policy. */
const refusal: Verdict = { kind: "ignored", retryable: false };

/**
 * Whether the other side asked for fewer calls. Where the verdict does not say so it did by `retryAfter`, or by what may
 * pass and is yet no failure of it (429).
 */
export function pushesBack({ kind, retryable, retryAfter, pushback }: Verdict): boolean {
  return pushback ?? (retryAfter !== undefined || (kind === "ignored" && retryable));
}

function isRefusal(error: unknown): error is RejectedError {
  return isRejected(error) && error.kind !== "timeout";
}

/** Judges an error as every classifier should begin: our own rejections apart, all else a failure. */
export function classifyError(error: unknown): Verdict {
  // By its kind: the class is not bundled where nothing has branches.
  if (error instanceof AggregateError && (error as Partial<AllFailedError>).kind === "all-failed") {
    return error.errors.every(isRefusal) ? refusal : failure;
  }
  if (!isRefusal(error)) return failure;
  return error.retryAfter === undefined ? refusal : { ...refusal, retryAfter: error.retryAfter };
}

/** The default: what was returned is a success, what was thrown a failure, save policies' own rejections. */
export const classifyThrown: Classify = (outcome) =>
  "error" in outcome ? classifyError(outcome.error) : success;

/** What a returned value means. Without a classifier of its own an environment takes every value for a success. */
export function judgeValue(environment: { readonly classify: Classify }, value: unknown): Verdict {
  return environment.classify === classifyThrown ? success : environment.classify({ value });
}
