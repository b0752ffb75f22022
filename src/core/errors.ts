import type { Context } from "./context.ts";

/** Why a policy refused a call, or gave up on it. */
export type RejectionKind =
  | "timeout"
  | "circuit-open"
  | "bulkhead-full"
  | "rate-limited"
  | "lost-race"
  | (string & {});

export interface RejectionDetails {
  /** Milliseconds after which a new try makes sense, where the policy knows. */
  readonly retryAfter?: number | undefined;
  /** Default: what the call's last attempt before it came to, where another one followed. */
  readonly cause?: unknown;
  /** The context of the call, which tells its key, its attempts, and what the last of them came to. */
  readonly context?: Context | undefined;
}

/**
 * A call that a policy refused or cut off.
 *
 * Only policies throw it: what the wrapped service threw passes through with its identity. It counts as a failure of
 * the dependency only when its `kind` is `timeout`.
 *
 * Its `cause` is what the last attempt before it came to: an error, or a failing value such as a Response, whose body is
 * cancelled.
 */
export class RejectedError extends Error {
  override readonly name = "RejectedError";
  readonly kind: RejectionKind;
  /** The name of the policy that rejected, such as `timeout` or a circuit's own name. */
  readonly policy: string;
  readonly retryAfter: number | undefined;
  /** The key of the call: an origin, a tenant. */
  readonly key: string | undefined;
  /** How often the call had reached the service by then. */
  readonly attempts: number;

  constructor(kind: RejectionKind, policy: string, message: string, details: RejectionDetails = {}) {
    // A refusal is how a policy works, not a bug to trace: a stack costs 5 µs and would show our own frames.
    const limit = withoutStack();
    const { context, retryAfter } = details;
    const cause = "cause" in details ? details.cause : context?.cause;
    super(message, cause === undefined ? undefined : { cause });
    restoreStack(limit);
    this.kind = kind;
    this.policy = policy;
    this.retryAfter = retryAfter === undefined ? undefined : Math.ceil(retryAfter);
    this.key = context?.key;
    this.attempts = context?.sends ?? 0;
  }
}

/**
 * A promise that is rejected a moment later.
 *
 * One that is rejected when nobody listens yet costs 2 µs more: the runtime notes it as unhandled, and then as handled.
 */
export function rejected(reason: unknown): Promise<never> {
  return new Promise((_, reject) => {
    Promise.resolve().then(() => reject(reason));
  });
}

/** Whether it is a rejection by a policy (of this realm or another), and of that kind if one is given. */
export function isRejected(error: unknown, kind?: RejectionKind): error is RejectedError {
  // By its name: `instanceof` fails for an error of another realm.
  const { name, kind: own } = Object(error) as Partial<RejectedError>;
  return name === "RejectedError" && own !== undefined && (kind === undefined || own === kind);
}

/** All branches of an `orElse` or a `race` failed; `errors` are the causes, in order and flattened. */
export class AllFailedError extends AggregateError {
  override readonly name = "AggregateError";
  readonly kind = "all-failed";

  constructor(outcomes: readonly unknown[]) {
    const limit = withoutStack();
    const errors = outcomes.flatMap((cause) => (cause instanceof AllFailedError ? cause.errors : [cause]));
    super(errors, `all ${errors.length} branches failed`);
    restoreStack(limit);
  }
}

interface StackLimit {
  stackTraceLimit?: number;
}

function withoutStack(): number | undefined {
  const limit = (Error as StackLimit).stackTraceLimit;
  if (limit !== undefined) restoreStack(0);
  return limit;
}

function restoreStack(limit: number | undefined): void {
  try {
    if (limit !== undefined) (Error as StackLimit).stackTraceLimit = limit;
  } catch {
    // Somebody froze the globals: then it has its stack.
  }
}
