import { known } from "../core/check.ts";
import { type Duration, quote } from "../core/duration.ts";
import { readCheck, type UpstreamCheck } from "./upstream-check.ts";
import { readDeadline, readDuration, type UpstreamDeadline } from "./upstream-deadline.ts";
import { readDiscover, type UpstreamDiscover } from "./upstream-discover.ts";
import { readGroup, type UpstreamGroup } from "./upstream-group.ts";
import { readMembers, readPolicy, type UpstreamMember } from "./upstream-members.ts";
import { readOrigin, type UpstreamOrigin } from "./upstream-origin.ts";
import { readPriority, type UpstreamPriority } from "./upstream-priority.ts";
import { readRoutes, type UpstreamRoute } from "./upstream-routes.ts";

/** Where a gateway may send requests. With `members` or `discover`, `url` and `service` are undefined and `path` is empty. */
export interface Upstream extends UpstreamOrigin {
  readonly name: string;
  /** Its replicas, when there are several. */
  readonly members: readonly UpstreamMember[] | undefined;
  /** How one of several replicas is chosen, and when one is left out. */
  readonly group: UpstreamGroup;
  /** How its replicas are found; undefined when they are configured. */
  readonly discover: UpstreamDiscover | undefined;
  /** The text of its policy. */
  readonly policy: string;
  /** Requests that have a policy of their own instead: the first one that fits holds. */
  readonly routes: readonly UpstreamRoute[];
  /** What becomes of a redirect: the caller gets it, or it is followed within the upstream's own origin and path. */
  readonly redirects: "pass" | "follow";
  /** Whether its calls make no events. */
  readonly quiet: boolean;
  /** How long the caller waits bounds the calls and is told to the upstream; undefined where neither is wanted. */
  readonly deadline: UpstreamDeadline | undefined;
  /** How urgent a request is goes by a header; undefined where all are alike. */
  readonly priority: UpstreamPriority | undefined;
  /** Whether each attempt is a span of the request's trace, told to the upstream by `traceparent`. */
  readonly trace: boolean;
  /** How long after it went stale a kept answer may stand in for a failure; undefined when none is kept. */
  readonly staleIfError: Duration | undefined;
  /** How the health of members is checked; undefined when it is not. */
  readonly check: UpstreamCheck | undefined;
  /** The fields as the configuration has them. */
  readonly configured: Readonly<Record<string, unknown>>;
}

const fieldNames = [
  "url",
  "service",
  "path",
  "members",
  "discover",
  "group",
  "policy",
  "routes",
  "quiet",
  "deadline",
  "priority",
  "trace",
  "staleIfError",
  "check",
  "redirects",
];

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
  return new Map(
    Object.entries(input).map(([name, value]) => [name, readUpstream(name, value, `UPSTREAMS.${name}`)]),
  );
}

/** Reads one upstream. @throws TypeError that names the field behind `label` and quotes the value */
export function readUpstream(name: string, input: unknown, label: string): Upstream {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) {
    throw new TypeError(`${label}: a name has 1 to 63 lower-case letters, digits and hyphens`);
  }
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new TypeError(`${label} must be an object`);
  }
  known(input, label, fieldNames);
  const fields = input as Record<string, unknown>;
  const members = readMembers(fields.members, `${label}.members`);
  const { url, service, path, staleIfError } = fields;
  const discover = readDiscover(fields.discover, `${label}.discover`);
  const several = members !== undefined || discover !== undefined;
  if (members !== undefined && discover !== undefined) {
    throw new TypeError(`${label} must have either members or discover`);
  }
  if (several && [url, service, path].some((field) => field !== undefined)) {
    throw new TypeError(`${label} must have either members or an url or service of its own`);
  }
  if (fields.group !== undefined && !several) {
    throw new TypeError(`${label}.group is for members, and there are none`);
  }
  if (fields.check !== undefined && !several) {
    throw new TypeError(`${label}.check is for members, and there are none`);
  }
  return {
    name,
    members,
    discover,
    group: readGroup(fields.group, `${label}.group`),
    ...(several ? { url: undefined, service: undefined, path: "" } : readOrigin(fields, label)),
    policy: readPolicy(fields.policy ?? defaultPolicy, label),
    routes: readRoutes(fields.routes, `${label}.routes`, members),
    redirects: readRedirects(fields.redirects, `${label}.redirects`),
    quiet: readFlag(fields.quiet, `${label}.quiet`),
    deadline: readDeadline(fields.deadline, `${label}.deadline`),
    priority: readPriority(fields.priority, `${label}.priority`),
    trace: readFlag(fields.trace, `${label}.trace`),
    staleIfError:
      staleIfError === undefined ? undefined : readDuration(staleIfError, `${label}.staleIfError`),
    check: readCheck(fields.check, `${label}.check`),
    configured: fields,
  };
}

function readRedirects(value: unknown, label: string): "pass" | "follow" {
  if (value === undefined || value === "pass" || value === "follow") return value ?? "pass";
  throw new TypeError(`${label} must be pass or follow, but is ${quote(value)}`);
}

function readFlag(value: unknown, label: string): boolean {
  if (value === undefined) return false;
  if (typeof value === "boolean") return value;
  throw new TypeError(`${label} must be true or false, but is ${quote(value)}`);
}

/** Two dots as a segment, between slashes that are encoded, or before parameters: some origins go up at it. */
const hiddenWayUp = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){2}(?:$|[/\\;]|%2f|%5c|%3b)/i;

/**
 * The URL at an upstream for the rest of a gateway path.
 *
 * @param rest what stands behind the upstream's name, with its slash
 * @returns nothing when the path would lead out of the upstream's own
 */
export function targetOf(
  upstream: UpstreamOrigin & { readonly name: string },
  rest: string,
  search: string,
): URL | undefined {
  const origin = upstream.url?.origin ?? `http://${upstream.name}.upstream`;
  const prefix = prefixOf(upstream);
  const asked = prefix + (rest === "/" ? "" : rest.replace(/[?#]/g, encodeURIComponent)) || "/";
  // Parsed, and then looked at: the URL parser resolves dots, also encoded ones, and backslashes. What stands behind the
  // first slash cannot change the host.
  const target = new URL(origin + asked + search);
  const { pathname } = target;
  const below = pathname === prefix || pathname.startsWith(`${prefix}/`);
  const inside = below && !hiddenWayUp.test(pathname);
  return inside && target.origin === origin ? target : undefined;
}

/** The part of a target's path that the request had: what stands behind the upstream's own. */
export function pathAt(upstream: UpstreamOrigin, { pathname }: URL): string {
  return pathname.slice(prefixOf(upstream).length);
}

function prefixOf({ url, path }: UpstreamOrigin): string {
  return (url?.pathname.replace(/\/$/, "") ?? "") + path;
}
