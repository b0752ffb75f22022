import { around } from "../core/branches.ts";
import type { Context } from "../core/context.ts";
import { definePolicyFor, identity, orElse, type Policy } from "../core/policy.ts";
import { copyOf } from "./share.ts";

/**
 * Answers by itself and never calls its service.
 *
 * @param value the answer, or a function of the request that makes it at each call; each caller gets a clone of a Response
 * @example
 * const policy = orElse(retry(3), answer(() => lastKnownPrices));
 */
export function answer<T, Req = unknown>(
  value: T | ((request: Req, context: Context) => T | Promise<T>),
): Policy<Req, T> {
  const recipe = { policy: "answer", given: { value }, table: { value: {} } };
  return definePolicyFor<Req, T>(recipe, () => {
    return around(
      async function answer(request: Req, context: Context): Promise<T> {
        return typeof value === "function"
          ? (value as (request: Req, context: Context) => T | Promise<T>)(request, context)
          : copyOf(value);
      },
      [{ answers: true }],
    );
  });
}

/**
 * Answers for a service that fails: `orElse(identity, answer(value))`.
 *
 * @example
 * const policy = compose(fallback({ items: [] }), retry(3));
 */
export function fallback<T, Req = unknown>(
  value: T | ((request: Req, context: Context) => T | Promise<T>),
): Policy<Req, T> {
  return orElse(identity, answer<T, Req>(value));
}
