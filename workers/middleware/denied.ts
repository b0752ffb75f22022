import { waitUntil } from "cloudflare:workers";
import { compose, environment, isRejected, keyed, type Policy, rateLimit } from "ninelives";
import type { CommandError, Identity } from "ninelives/control";
import type { Env } from "../env.ts";
import { controlOf } from "../homes.ts";

/** What each sender's denials may ask of the log in each isolate; strangers share one. */
const limits = new WeakMap<Env, Policy>();
/** Characters of a path that the log keeps. */
const longestPath = 300;

/**
 * Has the audit log tell that somebody was denied what is no command, and gives the error to deny them with.
 *
 * In the background: what is denied tells nothing, and who is denied need not wait for the log.
 */
export function denied(request: Request, env: Env, { name }: Identity, error: CommandError): CommandError {
  const limit =
    limits.get(env) ??
    compose(
      environment({ name: "denials" }),
      keyed(() => rateLimit({ limit: 60, per: "1m" })),
    );
  limits.set(env, limit);
  const { pathname } = new URL(request.url);
  const draft = {
    command: `${request.method} ${pathname.slice(0, longestPath)}`,
    id: "*",
    identity: name.toWellFormed(),
    args: "{}",
    outcome: "denied",
    reason: error.message.toWellFormed(),
  } as const;
  waitUntil(
    limit
      .execute(() => controlOf(env).deny(draft), { key: name })
      .catch((failure: unknown) => {
        // What is over the limit costs the log nothing, as with commands.
        if (!isRejected(failure, "rate-limited")) console.error(failure);
      }),
  );
  return error;
}
