import { compose, environment, keyed, type Policy, rateLimit } from "ninelives";
import type { Identity } from "ninelives/control";
import type { Env } from "../env.ts";

/** What each token may write by the routes that programs write to, in each isolate: far above what a fleet needs. */
const limits = new WeakMap<Env, Policy>();

/**
 * Lets a token write no more than a Durable Object can take, so that one that is lost or gone mad harms no other.
 *
 * @throws RejectedError of the kind `rate-limited`: 429 with `Retry-After`
 */
export function paced<T>(env: Env, { name }: Identity, write: () => Promise<T>): Promise<T> {
  const limit =
    limits.get(env) ??
    compose(
      environment({ name: "writes" }),
      keyed(() => rateLimit({ limit: 500, per: "1s", burst: 1_000 })),
    );
  limits.set(env, limit);
  return limit.execute(write, { key: name });
}
