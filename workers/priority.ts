import { anonymous, type Identity, JwksError } from "ninelives/control";
import { incomingPriority } from "ninelives/fetch";
import type { UpstreamPriority } from "ninelives/upstreams";
import type { Env } from "./env.ts";
import { identityBy, mayTouch } from "./middleware/access.ts";

/** What it bears whom the gateway should believe; like all headers of that beginning it is not passed on. */
const tokenHeader = "x-ninelives-token";

/** Whose token nobody can tell goes before nobody, and is answered all the same. */
function unknown(error: unknown): Identity {
  if (error instanceof JwksError) return anonymous;
  throw error;
}

/**
 * How urgent a request is. Everybody may step back; only whoever shows a token with the scope `priority.<upstream>` goes
 * before others, unless the upstream says that all may.
 */
export async function priorityOf(
  request: Request,
  name: string,
  { header, trust }: UpstreamPriority,
  env: Env,
): Promise<{ readonly priority: number }> {
  const asked = incomingPriority(request, { header });
  if (asked.priority <= 0 || trust === "everybody") return asked;
  const identity = await identityBy(request.headers.get(tokenHeader) ?? undefined, env).catch(unknown);
  return mayTouch(identity, "priority", name) ? asked : { priority: 0 };
}
