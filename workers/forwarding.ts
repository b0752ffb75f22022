/** Headers that belong to one connection (RFC 9110, section 7.6.1), and those that the next hop sets itself. */
const hopByHop =
  /^(?:connection|keep-alive|proxy-authenticate|proxy-authorization|proxy-connection|te|trailer|transfer-encoding|upgrade|host)$/;

/**
 * What says who asks, from where, or for which path: anybody can write it, so that none of it is passed on. What holds is
 * told anew. `CDN-Loop` stays, as RFC 8586 wants it.
 */
const claims =
  /^(?:forwarded|x-forwarded-.*|x-real-ip|x-client-ip|x-cluster-client-ip|true-client-ip|x-original-(?:url|host)|x-rewrite-url|x-ninelives-.*|cf-.*)$/;

/** Some frameworks then do what another method says. */
const otherMethod = /^x-(?:http-method-override|http-method|method-override)$/;

const pseudonym = "ninelives";
/** Times that one request may come by here before it is taken for a loop. */
const mostHops = 8;

/**
 * Headers as names in lower case with their values. They are read once and handed on as a list: each question to Headers
 * crosses from JavaScript into the platform, and costs more than one to a pattern.
 */
export type HeaderList = [name: string, value: string][];

/** The headers that a request came with. */
export function headerList({ headers }: Request | Response): HeaderList {
  return [...headers];
}

/** A request's headers for the next hop, or nothing when it goes round in circles. */
export function requestHeaders(
  from: HeaderList,
  method: string,
  { host, protocol }: URL,
): HeaderList | undefined {
  const headers = endToEnd(from, claims).filter(([name]) => name !== "via");
  const via = headerIn(from, "via");
  const hops = via?.split(",").filter((entry) => entry.trim().endsWith(pseudonym)).length ?? 0;
  if (hops >= mostHops) return undefined;
  headers.push(["via", via === undefined ? `1.1 ${pseudonym}` : `${via}, 1.1 ${pseudonym}`]);
  // Set by Cloudflare, which lets nobody else's through.
  const client = headerIn(from, "cf-connecting-ip");
  if (client !== undefined) headers.push(["x-forwarded-for", client]);
  headers.push(["x-forwarded-host", host], ["x-forwarded-proto", protocol.slice(0, -1)]);
  if (wantsSocket(from, method)) headers.push(["upgrade", "websocket"]);
  return headers;
}

/**
 * How far a request of the methods that ask about the way itself may still go (RFC 9110, section 7.6.2); one less is told
 * to the next hop.
 *
 * @returns false when it ends here
 */
export function mayGoOn(method: string, headers: HeaderList): boolean {
  if (method !== "OPTIONS" && method !== "TRACE") return true;
  const header = headers.find(([name]) => name === "max-forwards");
  if (header === undefined || !/^\d+$/.test(header[1])) return true;
  const left = Number(header[1]);
  header[1] = String(Math.max(0, left - 1));
  return left > 0;
}

/** Whether it asks for a WebSocket, the one upgrade that is passed through. */
export function wantsSocket(from: HeaderList, method: string): boolean {
  return method === "GET" && headerIn(from, "upgrade")?.trim().toLowerCase() === "websocket";
}

/** Whether somebody may do what another method says: such a request must not be sent again. */
export function overridesMethod(from: HeaderList): boolean {
  return from.some(([name]) => otherMethod.test(name));
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
  const headers = endToEnd(headerList(response), ours);
  const timing = [`ninelives;dur=${total.toFixed(1)}`];
  if (doing !== undefined) {
    headers.push(["x-ninelives-attempts", String(doing.attempts)]);
    if (doing.member !== undefined) headers.push(["x-ninelives-member", doing.member]);
    timing.push(`upstream;dur=${doing.upstream.toFixed(1)};desc="attempt ${doing.attempts}"`);
  }
  headers.push(["server-timing", timing.join(", ")]);
  const { body, status, statusText, webSocket } = response;
  return new Response(body, { status, statusText, headers, ...(webSocket !== null && { webSocket }) });
}

/** What only we say. */
const ours = /^x-ninelives-/;

/** The headers but for those of the connection and some others. */
function endToEnd(from: HeaderList, others: RegExp): HeaderList {
  const named =
    headerIn(from, "connection")
      ?.toLowerCase()
      .split(",")
      .map((each) => each.trim()) ?? [];
  return from.filter(([name]) => !hopByHop.test(name) && !others.test(name) && !named.includes(name));
}

function headerIn(headers: HeaderList, wanted: string): string | undefined {
  return headers.find(([name]) => name === wanted)?.[1];
}
