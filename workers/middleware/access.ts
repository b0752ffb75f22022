import type { MiddlewareHandler } from "hono";
import {
  allows,
  anonymous,
  CommandError,
  documentsProtocol,
  type Identity,
  identify,
  reaches,
  readTokens,
} from "ninelives/control";
import { liveProtocol } from "ninelives/observer";
import { followProtocol, followUntil } from "ninelives/stores/durable-object";
import type { Env, Surroundings } from "../env.ts";
import { verifierOf } from "../jwt-issuer.ts";
import { denied } from "./denied.ts";

const protocols: readonly string[] = [liveProtocol, followProtocol, documentsProtocol];

/** The token of a request: in its `Authorization`, or, for a WebSocket, which has none in browsers, as a subprotocol. */
export function tokenOf(request: Request): string | undefined {
  const bearer = /^Bearer ([\w.~+/=-]+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (bearer !== undefined) return bearer;
  const offered = request.headers.get("sec-websocket-protocol")?.split(",") ?? [];
  if (!offered.some((protocol) => protocols.includes(protocol.trim()))) return undefined;
  return offered
    .find((protocol) => protocol.trim().startsWith("token."))
    ?.trim()
    .slice("token.".length);
}

/** Who sent a request. */
export function identityOf(request: Request, env: Env): Promise<Identity> {
  return identityBy(tokenOf(request), env);
}

/** Whose token it is. */
export async function identityBy(token: string | undefined, env: Env): Promise<Identity> {
  const found = await identify(token, readTokens(env.TOKENS));
  if (found !== anonymous || token?.split(".").length !== 3) return found;
  return (await verifierOf(env)?.(token)) ?? anonymous;
}

/** A request for an object, which ends what stays open with its sender's token. What a sender says of it itself does not count. */
export function untilEnd(given: Request, { until }: Pick<Identity, "until"> = {}): Request {
  const request = new Request(given);
  request.headers.delete(followUntil);
  if (until !== undefined) request.headers.set(followUntil, String(until));
  return request;
}

/** Whether an identity has the scope `<does>.<name>`, and a tenant's name or that of its limit is the tenant's own. */
export function mayTouch(identity: Identity, does: string, name: string): boolean {
  return allows(identity, `${does}.${name}`) && reaches(identity, name.replace(/:limit$/, ""));
}

/** Lets those look who may: everybody where reads are public, else whoever has the scope `read`. */
export const readers: MiddlewareHandler<Surroundings> = async (c, next) => {
  if (c.env.PUBLIC_READS !== "true") {
    const identity = await identityOf(c.req.raw, c.env);
    const refusal = refusalOf(identity);
    if (refusal !== undefined) throw denied(c.req.raw, c.env, identity, refusal);
    c.set("identity", identity);
  }
  await next();
};

function refusalOf(identity: Identity): CommandError | undefined {
  if (identity.scopes.length === 0)
    return new CommandError("unauthenticated", "this needs a token with the scope read");
  if (identity.policies !== undefined)
    return new CommandError("forbidden", `${identity.name} may not look at all policies: use the commands`);
  if (!allows(identity, "read"))
    return new CommandError("forbidden", `${identity.name} may not look: it needs the scope read`);
  return undefined;
}
