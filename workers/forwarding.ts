import { isDropped } from "./dropped-headers.ts";

/**
 * What of an answer stays here: headers of the connection (RFC 9110, section 7.6.1), and those that speak for all of an
 * origin, which an upstream has in common with the dashboard. To ask for each costs less than to read all.
 */
const droppedOfAnswers = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "clear-site-data",
  "service-worker-allowed",
] as const;

/** Some frameworks then do what another method says. */
const otherMethod = /^x-(?:http-method-override|http-method|method-override)$/;

const pseudonym = "ninelives";
/** Times that one request may come by here before it is taken for a loop. */
const mostHops = 8;

/** How a request goes on. */
export interface Onward {
  /** Its headers for the next hop. */
  readonly headers: Headers;
  /** Whether somebody may do what another method says: such a request must not be sent again. */
  readonly overridden: boolean;
  /** Whether it asks for a WebSocket, the one upgrade that is passed through. */
  readonly socket: boolean;
}

/**
 * How a request goes on to the next hop, or nothing when it goes round in circles.
 *
 * Its headers are copied as a whole and read in one pass: to make Headers of a list takes ten times as long, which is more
 * than all policies together.
 */
export function onwardOf(request: Request, { host, protocol }: URL): Onward | undefined {
  const headers = new Headers(request.headers);
  let overridden = false;
  request.headers.forEach((_, name) => {
    // To CGI and what comes of it both are one.
    const meant = name.includes("_") ? name.replaceAll("_", "-") : name;
    if (isDropped(meant)) headers.delete(name);
    else if (otherMethod.test(meant)) overridden = true;
  });
  removeNamed(headers, request.headers.get("connection"));
  const via = request.headers.get("via");
  if (via !== null && hopsIn(via) >= mostHops) return undefined;
  const socket =
    request.method === "GET" && request.headers.get("upgrade")?.trim().toLowerCase() === "websocket";
  headers.set("via", via === null ? `1.1 ${pseudonym}` : `${via}, 1.1 ${pseudonym}`);
  // Set by Cloudflare, which lets nobody else's through.
  const client = request.headers.get("cf-connecting-ip");
  if (client !== null) headers.set("x-forwarded-for", client);
  headers.set("x-forwarded-host", host);
  headers.set("x-forwarded-proto", protocol.slice(0, -1));
  if (socket) headers.set("upgrade", "websocket");
  return { headers, overridden, socket };
}

function hopsIn(via: string): number {
  return via.split(",").filter((entry) => entry.trim().endsWith(pseudonym)).length;
}

/**
 * How far a request of the methods that ask about the way itself may still go (RFC 9110, section 7.6.2); one less is told
 * to the next hop.
 *
 * @returns false when it ends here
 */
export function mayGoOn(method: string, headers: Headers): boolean {
  if (method !== "OPTIONS" && method !== "TRACE") return true;
  const allowed = headers.get("max-forwards");
  if (allowed === null || !/^\d+$/.test(allowed)) return true;
  const left = Number(allowed);
  headers.set("max-forwards", String(Math.max(0, left - 1)));
  return left > 0;
}

/** One attempt, as it was sent. */
export interface Sent {
  /** Absent as long as it has not answered, and when it never did. */
  response?: Response;
  /** Milliseconds until the headers were there, or it was clear that they never would be. */
  took?: number;
  /** The member of the group that it went to. */
  readonly member: string | undefined;
}

/** A response as it is, streaming, or with its socket, without the headers of the connection that it came by. */
export function passOn(response: Response): Response {
  const { status, statusText, headers, webSocket } = response;
  const answer =
    webSocket === null
      ? new Response(response.body, response)
      : new Response(null, { status, statusText, headers, webSocket });
  removeNamed(answer.headers, headers.get("connection"));
  for (const name of droppedOfAnswers) answer.headers.delete(name);
  return answer;
}

/**
 * Says in the headers of an answer what was done for it.
 *
 * @param sent all attempts
 * @param response what one of them answered with; none has where it was kept, or made here
 * @param total milliseconds from when the request came
 */
export function tellDoing(
  { headers }: Response,
  sent: readonly Sent[],
  response: Response | undefined,
  total: number,
): void {
  const last = sent.findLast((each) => response !== undefined && each.response === response);
  headers.set("x-ninelives-attempts", String(sent.length));
  if (last?.member !== undefined) headers.set("x-ninelives-member", last.member);
  // What only we say.
  else headers.delete("x-ninelives-member");
  headers.append("server-timing", timing(last ?? sent.at(-1), sent.length, total));
}

function timing(attempt: Sent | undefined, attempts: number, total: number): string {
  const whole = `ninelives;dur=${total.toFixed(1)}`;
  if (attempt?.took === undefined) return whole;
  return `${whole}, upstream;dur=${attempt.took.toFixed(1)};desc="attempt ${attempts}"`;
}

/** Removes what the connection header says belongs to the connection, which may be anything. */
function removeNamed(headers: Headers, connection: string | null): void {
  if (connection === null) return;
  for (const name of connection.split(",")) {
    const named = name.trim().toLowerCase();
    if (named !== "close" && token.test(named)) headers.delete(named);
  }
}

/** The name of a header. */
const token = /^[\w!#$%&'*+.^`|~-]+$/;
