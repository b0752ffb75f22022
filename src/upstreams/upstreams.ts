import { known } from "../core/check.ts";
import { quote } from "../core/duration.ts";
import { parse } from "../expression/parse.ts";
import { readDeadline, type UpstreamDeadline } from "./upstream-deadline.ts";

/** Where a gateway may send requests. */
export interface Upstream {
  readonly name: string;
  /** An origin with a path before all others, or `undefined` when it is a service binding. */
  readonly url: URL | undefined;
  /** The name of the service binding. */
  readonly service: string | undefined;
  /** What stands before the path of a request, without a slash at its end. */
  readonly path: string;
  /** The text of its policy. */
  readonly policy: string;
  /** Whether its calls make no events. */
  readonly quiet: boolean;
  /** How long the caller waits bounds the calls and is told to the upstream; undefined where neither is wanted. */
  readonly deadline: UpstreamDeadline | undefined;
}

/** What an upstream gets that names no policy. */
export const defaultPolicy = "bulkhead(1000) + timeout(30s) + retry(3) + circuitBreaker + timeout(10s)";

/**
 * Reads the upstreams of a gateway: only these can be reached.
 *
 * @param text JSON: `{ "prices": { "url": "https://api.example.com/v2", "policy": "retry(3)" } }`
 * @throws TypeError that names the upstream and the field and quotes the value
 */
export function readUpstreams(text: string): Map<string, Upstream> {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch (cause) {
    throw new TypeError(`UPSTREAMS is no JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new TypeError('UPSTREAMS must be an object such as { "prices": { "url": "https://…" } }');
  }
  return new Map(Object.entries(input).map(([name, value]) => [name, readUpstream(name, value)]));
}

function readUpstream(name: string, input: unknown): Upstream {
  const label = `UPSTREAMS.${name}`;
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) {
    throw new TypeError(`${label}: a name has 1 to 63 lower-case letters, digits and hyphens`);
  }
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new TypeError(`${label} must be an object`);
  }
  known(input, label, ["url", "service", "path", "policy", "quiet", "deadline"]);
  const fields = input as Record<string, unknown>;
  const { url, service, path = "", policy = defaultPolicy, quiet = false, deadline } = fields;
  if ((url === undefined) === (service === undefined)) {
    throw new TypeError(`${label} must have either url or service`);
  }
  if (typeof path !== "string" || (path !== "" && !isPath(path))) {
    throw new TypeError(
      `${label}.path must begin with a slash, end without one, and be written as in a URL, but is ${quote(path)}`,
    );
  }
  if (typeof policy !== "string")
    throw new TypeError(`${label}.policy must be a text, but is ${quote(policy)}`);
  try {
    parse(policy);
  } catch (cause) {
    throw new TypeError(`${label}.policy: ${(cause as Error).message}`, { cause });
  }
  if (typeof quiet !== "boolean")
    throw new TypeError(`${label}.quiet must be true or false, but is ${quote(quiet)}`);
  return {
    name,
    url: url === undefined ? undefined : readUrl(url, label),
    service: service === undefined ? undefined : readService(service, label),
    path,
    policy,
    quiet,
    deadline: readDeadline(deadline, `${label}.deadline`),
  };
}

/** Whether it stands in a URL as it is: with dots to resolve or a space, no request would ever be inside it. */
function isPath(path: string): boolean {
  return /^\/.*[^/]$/.test(path) && new URL(`http://upstream${path}`).pathname === path;
}

function readUrl(url: unknown, label: string): URL {
  const parsed = typeof url === "string" && URL.canParse(url) ? new URL(url) : undefined;
  if (
    parsed === undefined ||
    !/^https?:$/.test(parsed.protocol) ||
    parsed.username + parsed.password !== "" ||
    parsed.search + parsed.hash !== ""
  ) {
    throw new TypeError(`${label}.url must be an http(s) URL without user or query, but is ${quote(url)}`);
  }
  return parsed;
}

function readService(service: unknown, label: string): string {
  if (typeof service === "string" && /^[A-Za-z_]\w*$/.test(service)) return service;
  throw new TypeError(`${label}.service must be the name of a binding, but is ${quote(service)}`);
}

/** Two dots as a segment, between slashes that are encoded, or before parameters: some origins go up at it. */
const hiddenWayUp = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){2}(?:$|[/\\;]|%2f|%5c|%3b)/i;

/**
 * The URL at an upstream for the rest of a gateway path.
 *
 * @param rest what stands behind the upstream's name, with its slash
 * @returns nothing when the path would lead out of the upstream's own
 */
export function targetOf(upstream: Upstream, rest: string, search: string): URL | undefined {
  const base = upstream.url ?? new URL(`http://${upstream.name}.upstream`);
  const prefix = base.pathname.replace(/\/$/, "") + upstream.path;
  // Set and read back: the URL parser resolves dots, also encoded ones, and backslashes.
  const target = new URL(base.origin);
  target.pathname = prefix + (rest === "/" ? "" : rest) || "/";
  target.search = search;
  const { pathname } = target;
  const below = pathname === prefix || pathname.startsWith(`${prefix}/`);
  const inside = below && !hiddenWayUp.test(pathname);
  return inside && target.origin === base.origin ? target : undefined;
}
