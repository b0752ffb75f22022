import { failure, type Verdict } from "../core/classify.ts";
import type { Context } from "../core/context.ts";
import { isRejected } from "../core/errors.ts";

/**
 * What a call that ended with an error says of the service: nothing, when its caller gave it up or a policy refused it.
 *
 * When a timeout further out cut it off, the service did fail.
 */
export function judgeError(error: unknown, { leg, environment }: Context): Verdict | undefined {
  if (leg.aborted) return isRejected(leg.reason, "timeout") ? failure : undefined;
  if (isRejected(error) && error.kind !== "timeout") return undefined;
  return environment.classify({ error });
}
