import type { Classify, Verdict } from "../core/classify.ts";
import type { Context } from "../core/context.ts";
import type { Environment } from "../core/platform.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import { serverTime } from "../core/retry-after.ts";
import { exhaustedFor } from "./rate-limit-headers.ts";
import type { FetchCall } from "./resilient-fetch.ts";

/**
 * Heeds what a server says of its rate limits: `RateLimit` and `RateLimit-Policy`, and the older `RateLimit-Remaining`,
 * `X-RateLimit-Remaining` and their kin.
 *
 * What has nothing left says when there is more, as `Retry-After` does, which goes before it. Then all policies inside
 * know: a retry waits, a circuit stays open as long, and a `rateLimit` with `feedback` pauses, even after an answer that
 * succeeded with the last request that was left. A 403 with nothing left counts as a 429. In a page a server of another
 * origin has to expose the headers (`Access-Control-Expose-Headers`), else there are none. Stands outermost.
 *
 * @example
 * const policy = compose(rateLimitHints(), rateLimit({ limit: 50, feedback: aimdRate() }), perOrigin());
 */
export function rateLimitHints(): Policy<FetchCall, Response> {
  return definePolicyFor<FetchCall, Response>("rateLimitHints", (next: Service<FetchCall, Response>) => {
    let outer: Environment | undefined;
    let inner: Environment;
    return function rateLimitHints(call: FetchCall, context: Context): Promise<Response> {
      if (outer !== context.environment) {
        outer = context.environment;
        inner = { ...outer, classify: heeding(outer) };
      }
      return next(call, context.within(inner));
    };
  });
}

function heeding({ classify, clock }: Environment): Classify {
  return (outcome) => {
    const verdict = classify(outcome);
    if (verdict.retryAfter !== undefined || !("value" in outcome)) return verdict;
    const { status, headers } = (outcome.value ?? {}) as Partial<Response>;
    if (status === undefined || typeof headers?.get !== "function") return verdict;
    const retryAfter = exhaustedFor(headers, serverTime(headers, clock), status === 429);
    return retryAfter === undefined ? verdict : { ...hinted(verdict, status), retryAfter };
  };
}

/** A retry is of use to what may pass, and to what was refused for no other reason than the limit. */
function hinted(verdict: Verdict, status: number): Verdict {
  return status === 403 ? { kind: "ignored", retryable: true } : verdict;
}
