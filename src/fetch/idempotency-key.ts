import type { Tunable } from "../core/adaptive.ts";
import type { Classify } from "../core/classify.ts";
import type { Context } from "../core/context.ts";
import type { Duration } from "../core/duration.ts";
import { as, callable, duration, settings, type Table } from "../core/options.ts";
import type { Environment } from "../core/platform.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import type { Random } from "../core/random.ts";
import { retryAfterOf } from "../core/retry-after.ts";
import { canReplay, headerOf, isIdempotent, methodOf } from "./repeatable.ts";
import type { FetchCall } from "./resilient-fetch.ts";
import { withHeaders } from "./with-headers.ts";

export interface IdempotencyKeyOptions {
  /** What the server calls it. Default `"Idempotency-Key"`. */
  readonly header?: string;
  /** Makes a key, as it stands in the header. Default: 32 hexadecimal digits, in quotes as the draft wants it. */
  readonly mint?: (random: Random) => string;
  /** How long to wait after a 409 that does not say. Default `"1s"`. */
  readonly conflictWait?: Tunable<Duration>;
}

const table = {
  header: { check: as<string>(), initial: "Idempotency-Key", fixed: true, named: true },
  mint: { check: callable<(random: Random) => string>, initial: quotedDigits, fixed: true },
  conflictWait: { check: duration, initial: "1s" },
} as const;

/** @internal The options of `idempotencyKey`, for tools. */
export const idempotencyKeyOptions: Table = table;

/**
 * Lets a POST or a PATCH be sent again: gives it a key by which the server knows it again, and does it once.
 *
 * The key is made once for each call, so this stands outside the retry; inside it nothing would be sent again. A key
 * that the caller gave is kept. Only for servers that honour it: others do the work twice. A 409 to a later attempt says
 * that an earlier one is still at work, so a retry waits, as `Retry-After` says or `conflictWait`; a 409 to the first is
 * the application's own, unless the caller made the key. A 422 is never repeated: the key was used for something else.
 * In a page the header makes a request to another origin ask first (CORS), and that server has to allow it.
 *
 * Source: draft-ietf-httpapi-idempotency-key-header.
 *
 * @throws TypeError or RangeError for options that will not do
 * @example
 * const fetch = resilientFetch({ policy: compose(idempotencyKey(), perOrigin()) });
 * await fetch("/orders", { method: "POST", body: JSON.stringify(order) });
 */
export function idempotencyKey(options: IdempotencyKeyOptions = {}): Policy<FetchCall, Response> {
  const { read, recipe } = settings("idempotencyKey", options, table);
  return definePolicyFor<FetchCall, Response>(recipe, (next: Service<FetchCall, Response>) => {
    return function idempotencyKey(call: FetchCall, context: Context): Promise<Response> {
      if (call.repeatable === false || isIdempotent(methodOf(call))) return next(call, context);
      const header = read.header(context);
      const given = headerOf(call, header.toLowerCase()) !== undefined;
      const { environment } = context;
      const keyed = given
        ? call
        : withHeaders(call, (headers) => headers.set(header, read.mint(context)(environment.random)));
      const wait = read.conflictWait(context);
      const inner = context.withRepeatable(canReplay(call)).within({
        ...environment,
        classify: conflicts(environment, wait, () => given || context.sends > 1),
      });
      return next({ ...keyed, repeatable: true }, inner);
    };
  });
}

/** @param mayBeAtWork whether the server may have the same request under way */
function conflicts({ classify, clock }: Environment, wait: number, mayBeAtWork: () => boolean): Classify {
  return (outcome) => {
    const verdict = classify(outcome);
    const response = "value" in outcome ? (outcome.value as Response | null | undefined) : undefined;
    if (response?.status === 422) return { ...verdict, retryable: false };
    if (response?.status !== 409 || !mayBeAtWork()) return verdict;
    const retryAfter = retryAfterOf(response, clock) ?? wait;
    return { kind: "ignored", retryable: true, retryAfter, pushback: false };
  };
}

function quotedDigits(random: Random): string {
  const digits = Array.from({ length: 4 }, () => Math.floor(random() * 0x1_0000_0000));
  return `"${digits.map((each) => each.toString(16).padStart(8, "0")).join("")}"`;
}
