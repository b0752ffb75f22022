import { quote } from "../core/duration.ts";

/** One place where requests may go. */
export interface UpstreamOrigin {
  /** An origin with a path before all others, or `undefined` when it is a service binding. */
  readonly url: URL | undefined;
  /** The name of the service binding. */
  readonly service: string | undefined;
  /** What stands before the path of a request, without a slash at its end. */
  readonly path: string;
}

/** Reads the fields `url`, `service` and `path`. @throws TypeError that names the field and quotes the value */
export function readOrigin(fields: Readonly<Record<string, unknown>>, label: string): UpstreamOrigin {
  const { url, service, path = "" } = fields;
  if ((url === undefined) === (service === undefined)) {
    throw new TypeError(`${label} must have either url or service`);
  }
  if (typeof path !== "string" || (path !== "" && !isPath(path))) {
    throw new TypeError(
      `${label}.path must begin with a slash, end without one, and be written as in a URL, but is ${quote(path)}`,
    );
  }
  return {
    url: url === undefined ? undefined : readUrl(url, label),
    service: service === undefined ? undefined : readService(service, label),
    path,
  };
}

/** Whether it stands in a URL as it is: with dots to resolve or a space, no request would ever be inside it. */
export function isPath(path: string): boolean {
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
