/** Headers that belong to one connection (RFC 9110, section 7.6.1), and those that the next hop sets itself. */
const hopByHop =
  /^(?:connection|keep-alive|proxy-authenticate|proxy-authorization|proxy-connection|te|trailer|transfer-encoding|upgrade|host)$/;

/**
 * What says who asks, from where, or for which path: anybody can write it, so that none of it is passed on. What holds is
 * told anew. `CDN-Loop` stays, as RFC 8586 wants it.
 */
const claims =
  /^(?:forwarded|x-forwarded-.*|x-real-ip|x-client-ip|x-cluster-client-ip|true-client-ip|x-original-(?:url|host)|x-rewrite-url|x-ninelives-.*|cf-.*)$/;

const pseudonym = "ninelives";
/** Times that one request may come by here before it is taken for a loop. */
const mostHops = 8;

/** A request's headers for the next hop, or nothing when it goes round in circles. */
export function requestHeaders(request: Request, url: URL): Headers | undefined {
  const from = request.headers;
  const headers = endToEnd(from, claims);
  const via = headers.get("via");
  const hops = via?.split(",").filter((entry) => entry.trim().endsWith(pseudonym)).length ?? 0;
  if (hops >= mostHops) return undefined;
  headers.set("via", via === null ? `1.1 ${pseudonym}` : `${via}, 1.1 ${pseudonym}`);
  const { host, protocol } = url;
  // Set by Cloudflare, which lets nobody else's through.
  const client = from.get("cf-connecting-ip");
  if (client !== null) headers.set("x-forwarded-for", client);
  headers.set("x-forwarded-host", host);
  headers.set("x-forwarded-proto", protocol.slice(0, -1));
  if (wantsSocket(request)) headers.set("upgrade", "websocket");
  return headers;
}

/**
 * How far a request of the methods that ask about the way itself may still go (RFC 9110, section 7.6.2); one less is told
 * to the next hop.
 *
 * @returns false when it ends here
 */
export function mayGoOn({ method }: Request, headers: Headers): boolean {
  if (method !== "OPTIONS" && method !== "TRACE") return true;
  const left = headers.get("max-forwards") ?? "";
  if (!/^\d+$/.test(left)) return true;
  headers.set("max-forwards", String(Math.max(0, Number(left) - 1)));
  return Number(left) > 0;
}

/** Whether it asks for a WebSocket, the one upgrade that is passed through. */
export function wantsSocket({ headers, method }: Request): boolean {
  return method === "GET" && headers.get("upgrade")?.trim().toLowerCase() === "websocket";
}

/** Some frameworks then do what another method says: such a request must not be sent again. */
export function overridesMethod({ headers }: Request): boolean {
  return ["x-http-method-override", "x-http-method", "x-method-override"].some((name) => headers.has(name));
}

/** What was done for an answer. */
export interface Doing {
  readonly attempts: number;
  /** Milliseconds of the last attempt, until the headers were there. */
  readonly upstream: number;
  /** The member of the group that answered. */
  readonly member: string | undefined;
}

/**
 * A response as it is, streaming, or with its socket, without the headers of the connection that it came by.
 *
 * @param doing absent for an answer that was kept
 * @param total milliseconds from when the request came
 */
export function passOn(response: Response, doing: Doing | undefined, total: number): Response {
  const headers = endToEnd(response.headers, ours);
  const timing = [`ninelives;dur=${total.toFixed(1)}`];
  if (doing !== undefined) {
    headers.set("x-ninelives-attempts", String(doing.attempts));
    if (doing.member !== undefined) headers.set("x-ninelives-member", doing.member);
    timing.push(`upstream;dur=${doing.upstream.toFixed(1)};desc="attempt ${doing.attempts}"`);
  }
  headers.append("server-timing", timing.join(", "));
  const { body, status, statusText, webSocket } = response;
  return new Response(body, { status, statusText, headers, ...(webSocket !== null && { webSocket }) });
}

/** What only we say. */
const ours = /^x-ninelives-/;

/** The headers but for those of the connection and some others. */
function endToEnd(from: Headers, others: RegExp): Headers {
  const headers = new Headers(from);
  // By what is there, and not by all that might be: each question to Headers costs more than one to a pattern.
  for (const name of [...headers.keys()]) if (hopByHop.test(name) || others.test(name)) headers.delete(name);
  const named = from.get("connection")?.split(",") ?? [];
  for (const name of named.map((each) => each.trim())) if (name !== "") headers.delete(name);
  return headers;
}
