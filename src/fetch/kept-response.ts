import type { FetchCall } from "./resilient-fetch.ts";
import { headersOf } from "./with-headers.ts";

/** What is known of a response that is kept; travels with it in a header. Times in seconds. */
export interface Kept {
  /** Milliseconds since 1970 when it was kept. */
  readonly at: number;
  /** How old it was then. */
  readonly age: number;
  /** How long from its making it is fresh. */
  readonly fresh: number;
  /** How long after that it may stand in for a failure. */
  readonly allowed: number;
  /** What the request said in the headers that the response varies by. */
  readonly vary: readonly (readonly [name: string, value: string | null])[];
  /** Headers that the cache would act upon, as they were. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly url: string;
  readonly redirected: boolean;
}

/** Headers by which caches decide; they must keep as long as we say. */
const decisive = [
  "cache-control",
  "cdn-cache-control",
  "cloudflare-cdn-cache-control",
  "expires",
  "vary",
  "age",
  "pragma",
];
const ours = "x-ninelives-kept";

/** The directives of a Cache-Control, by lower-case name. */
function directives(headers: Headers): Map<string, string> {
  const list = (headers.get("cache-control") ?? "").toLowerCase().split(",");
  return new Map(
    list.map((each): [string, string] => {
      const [name = "", value = ""] = each.split("=");
      return [name.trim(), value.trim().replaceAll('"', "")];
    }),
  );
}

/** A number of seconds in a header or directive, if it is one. */
function seconds(text: string | null | undefined): number | undefined {
  return text !== null && text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/**
 * What to keep of a response to a GET; undefined when it must not be kept, or may never stand in for a failure.
 *
 * Source: RFC 9111, sections 3, 4.1, 4.2 and 5.2, and RFC 5861, section 4.
 *
 * @param shared whether others than the one who asked will get it
 * @param within seconds after it went stale
 * @param now milliseconds since 1970
 */
export function keptOf(
  call: FetchCall,
  { status, headers, url, redirected }: Response,
  shared: boolean,
  within: number,
  now: number,
): Kept | undefined {
  const asked = headersOf(call);
  const said = directives(headers);
  const isPublic = said.has("public") || said.has("s-maxage");
  // Who asked as somebody may get what nobody else should; a store of the browser's outlives who was logged in.
  const isPersonal = asked.has("authorization") || asked.has("cookie");
  const vary = namesIn(headers.get("vary"));
  if (
    status !== 200 ||
    said.has("no-store") ||
    said.has("no-cache") ||
    (shared && said.has("private")) ||
    (isPersonal && !isPublic) ||
    headers.has("set-cookie") ||
    headers.get("content-type")?.startsWith("text/event-stream") === true ||
    directives(asked).has("no-store") ||
    call.init?.cache === "no-store" ||
    vary.some((name) => name === "*" || name === "cookie" || name === "authorization")
  ) {
    return undefined;
  }
  const binding =
    said.has("must-revalidate") || (shared && (said.has("proxy-revalidate") || said.has("s-maxage")));
  const kept: Kept = {
    at: now,
    age: seconds(headers.get("age")) ?? 0,
    fresh: freshness(headers, said, shared),
    allowed: binding ? 0 : Math.min(within, seconds(said.get("stale-if-error")) ?? Infinity),
    vary: vary.map((name) => [name, asked.get(name)]),
    headers: decisive.flatMap((name) => {
      const value = headers.get(name);
      return value === null ? [] : [[name, value] as const];
    }),
    url,
    redirected,
  };
  return kept.fresh + kept.allowed > kept.age ? kept : undefined;
}

function freshness(headers: Headers, said: ReadonlyMap<string, string>, shared: boolean): number {
  const age = (shared ? seconds(said.get("s-maxage")) : undefined) ?? seconds(said.get("max-age"));
  if (age !== undefined) return age;
  const lifetime = Date.parse(headers.get("expires") ?? "") - Date.parse(headers.get("date") ?? "");
  return lifetime > 0 ? Math.round(lifetime / 1_000) : 0;
}

function namesIn(list: string | null): string[] {
  return (
    (list ?? "")
      .toLowerCase()
      .split(",")
      .map((name) => name.trim())
      // The platform's own business: it decodes what it asked for.
      .filter((name) => name !== "" && name !== "accept-encoding")
  );
}

/** The response as it is stored: the cache keeps it as long as it may be of use, and asks no more of it. */
export function stored(bytes: Uint8Array<ArrayBuffer>, response: Response, kept: Kept): Response {
  const headers = new Headers(response.headers);
  for (const name of decisive) headers.delete(name);
  headers.set("cache-control", `public, max-age=${Math.ceil(kept.fresh + kept.allowed - kept.age)}`);
  headers.set(ours, encodeURIComponent(JSON.stringify(kept)));
  return new Response(bytes, { status: response.status, statusText: response.statusText, headers });
}

/** A stored response for a request, if it may stand in for a failure now. */
export function standIn(call: FetchCall, found: Response, now: number): Response | undefined {
  const kept = read(found.headers.get(ours));
  if (kept === undefined) return undefined;
  const asked = headersOf(call);
  const age = kept.age + Math.max(0, now - kept.at) / 1_000;
  const left = kept.fresh - age;
  if (left < -kept.allowed || kept.vary.some(([name, value]) => asked.get(name) !== value)) return undefined;
  const headers = new Headers(found.headers);
  for (const name of [...decisive, ours]) headers.delete(name);
  for (const [name, value] of kept.headers) headers.set(name, value);
  headers.set("age", String(Math.floor(age)));
  // RFC 9211: a negative ttl says how long ago it went stale.
  headers.append("cache-status", `ninelives; hit; ttl=${Math.floor(left)}; detail=stale-if-error`);
  const response = new Response(found.body, { status: found.status, statusText: found.statusText, headers });
  for (const name of ["url", "redirected"] as const) {
    Object.defineProperty(response, name, { value: kept[name], configurable: true, enumerable: true });
  }
  return response;
}

/** Reads what we wrote; a cache may hold what others put there under the same URL. */
function read(text: string | null): Kept | undefined {
  try {
    return text === null ? undefined : JSON.parse(decodeURIComponent(text));
  } catch {
    return undefined;
  }
}
