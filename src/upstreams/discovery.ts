import { within } from "../core/check.ts";
import { refuse } from "../core/duration.ts";
import type { Service } from "../core/policy.ts";

/** One place where a service is. */
export interface Endpoint {
  /** What it is called among its like: the same endpoint has the same name in each answer. */
  readonly name: string;
  /** An http(s) URL without query: an origin, and what stands before all paths. */
  readonly url: string;
  /** Its share beside the others of its priority, from 0 to 1000. */
  readonly weight: number;
  /** Those of a higher number are called only when none of a lower one can be. */
  readonly priority: number;
}

/** What a discovery found. */
export interface Endpoints {
  readonly endpoints: readonly Endpoint[];
  /** Milliseconds after which it should be asked again. */
  readonly holds: number;
}

/** Finds out where a service is now. A service itself, so that policies go around it. */
export type Discovery = Service<undefined, Endpoints>;

/** A discovery that found nothing that can be used. */
export class DiscoveryError extends Error {
  override readonly name = "DiscoveryError";
}

/** Gives an endpoint of a registry as it is read. @throws RangeError or TypeError that names the field and quotes the value */
export function registeredEndpoint(
  given: { readonly [K in keyof Endpoint]?: Endpoint[K] | undefined },
): Endpoint {
  return endpoint(given, "member");
}

/** Gives an endpoint as it is read. @throws RangeError or TypeError that names the field and quotes the value */
export function endpoint(
  { name, url, weight = 1, priority = 0 }: { readonly [K in keyof Endpoint]?: Endpoint[K] | undefined },
  label: string,
): Endpoint {
  if (typeof name !== "string" || name === "") refuse(`${label}: name`, "a text", name, TypeError);
  within(weight, `${label}: weight of ${name}`, 0, 1_000);
  within(priority, `${label}: priority of ${name}`, 0, 65_535);
  const parsed = typeof url === "string" && URL.canParse(url) ? new URL(url) : undefined;
  const plain = parsed !== undefined && /^https?:$/.test(parsed.protocol);
  if (!plain || parsed.username + parsed.password + parsed.search + parsed.hash !== "") {
    refuse(`${label}: url of ${name}`, "an http(s) URL without user or query", url, TypeError);
  }
  return { name, url: parsed.href.replace(/\/$/, ""), weight, priority };
}

/**
 * Makes the test of whether requests may go to a URL: by origins such as `https://a.example.com`, or
 * `https://*.example.com` for all hosts below that.
 *
 * @throws TypeError that names the option and quotes the value
 */
export function allowedBy(origins: readonly string[], option: string): (url: string) => boolean {
  if (!Array.isArray(origins) || origins.length === 0) {
    refuse(option, 'a list such as ["https://*.example.com"]', origins, TypeError);
  }
  const patterns = origins.map((origin) => {
    const [, scheme, wild, host] = /^(https?):\/\/(\*\.)?([^/*@?#]+)$/.exec(origin) ?? [];
    const url = host !== undefined && URL.canParse(`${scheme}://${host}`) && new URL(`${scheme}://${host}`);
    // Below one label alone is half of the internet.
    if (!url || (wild !== undefined && !url.hostname.includes("."))) {
      return refuse(option, 'origins such as "https://*.example.com"', origin, TypeError);
    }
    return { url, below: wild !== undefined };
  });
  return (text) => {
    const { protocol, port, hostname } = new URL(text);
    return patterns.some(
      ({ url, below }) =>
        protocol === url.protocol &&
        port === url.port &&
        (below ? hostname.endsWith(`.${url.hostname}`) : hostname === url.hostname),
    );
  };
}
