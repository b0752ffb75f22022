import { known } from "../core/check.ts";
import type { Context } from "../core/context.ts";
import { type Duration, milliseconds, refuse } from "../core/duration.ts";
import { environment } from "../core/environment.ts";
import { compose } from "../core/policy.ts";
import { retry } from "../policies/retry.ts";
import { timeout } from "../policies/timeout.ts";
import {
  allowedBy,
  type Discovery,
  DiscoveryError,
  type Endpoint,
  type Endpoints,
  endpoint,
} from "./discovery.ts";

export interface RegistryOptions {
  /** The Worker's address. */
  readonly url: string;
  /** Which service. */
  readonly service: string;
  readonly token: string;
  /** Default the global `fetch` at the time of each call. */
  readonly fetch?: typeof fetch;
}

export interface RegistryDiscoveryOptions extends RegistryOptions {
  /** Where requests may go: `https://a.example.com`, or `https://*.example.com`. Who else is registered is left out. */
  readonly origins: readonly string[];
}

export interface RegistrationOptions extends RegistryOptions {
  /** What is to be found. */
  readonly endpoint: Pick<Endpoint, "name" | "url"> & Partial<Endpoint>;
  /** How long it stays without a heartbeat. Default `"30s"`. */
  readonly ttl?: Duration;
}

/** A place in a registry. */
export interface Registration {
  /** Takes the place, or keeps it: three times within `ttl` is a good measure. */
  heartbeat(): Promise<void>;
  /** Gives it up at once. */
  leave(): Promise<void>;
}

const shared = ["url", "service", "token", "fetch"];
const serviceName = /^[a-z0-9][a-z0-9-]{0,62}$/;

/**
 * Finds those who registered at a Worker of ours, by a token with the scope `discover.<service>`.
 *
 * @throws TypeError for options that will not do
 * @example
 * const discovery = registryDiscovery({
 *   url: "https://edge.example.com", service: "prices", token, origins: ["https://*.prices.example.com"],
 * });
 */
export function registryDiscovery(given: RegistryDiscoveryOptions): Discovery {
  known(given, "registryDiscovery", [...shared, "origins"]);
  const ask = asking(given, "registryDiscovery");
  const allowed = allowedBy(given.origins, "registryDiscovery: origins");
  return async function registryDiscovery(_: undefined, { signal }: Context) {
    const response = await ask("", { signal });
    return foundIn(await response.json(), allowed);
  };
}

/**
 * What a registry answered, without those to whom no request may go.
 *
 * @throws DiscoveryError where nobody is left
 */
export function foundIn(answer: unknown, allowed: (url: string) => boolean): Endpoints {
  const { members = [], holds } = answer as {
    readonly members?: readonly Partial<Endpoint>[];
    readonly holds: number;
  };
  const read = members.map((member) => endpoint(member, "registry"));
  const endpoints = read.filter(({ url }) => allowed(url));
  if (endpoints.length > 0) return { endpoints, holds };
  throw new DiscoveryError(
    read.length === 0 ? "nobody is registered" : "nobody is registered at an allowed origin",
  );
}

/**
 * Registers an endpoint at a Worker of ours, by a token with the scope `register.<service>`.
 *
 * @throws RangeError or TypeError for options that will not do
 * @example
 * const place = registration({ url: "https://edge.example.com", service: "prices", token, endpoint });
 * const beating = setInterval(() => place.heartbeat().catch(console.warn), 10_000);
 */
export function registration(given: RegistrationOptions): Registration {
  known(given, "registration", [...shared, "endpoint", "ttl"]);
  const { name, ...place } = endpoint(given.endpoint, "registration");
  const ttl = milliseconds(given.ttl ?? "30s", "registration: ttl");
  const ask = asking(given, "registration");
  const patient = compose(environment({ name: "registration" }), retry(3), timeout("5s"));
  const send = patient.wrap(async (init: RequestInit, { signal }) => {
    const response = await ask(`/${encodeURIComponent(name)}`, { ...init, signal });
    await response.body?.cancel();
  });
  const headers = { "content-type": "application/json" };
  return {
    heartbeat: () => send({ method: "PUT", headers, body: JSON.stringify({ ...place, ttl }) }),
    leave: () => send({ method: "DELETE" }),
  };
}

function asking({ url, service, token, fetch: own }: RegistryOptions, label: string) {
  if (typeof url !== "string" || !URL.canParse(url)) refuse(`${label}: url`, "a URL", url, TypeError);
  if (typeof service !== "string" || !serviceName.test(service)) {
    refuse(`${label}: service`, "lower-case letters, digits and hyphens", service, TypeError);
  }
  // It is not quoted.
  if (typeof token !== "string" || token === "") throw new TypeError(`${label}: token must be a text`);
  const base = `${url.replace(/\/$/, "")}/v1/registry/${service}`;
  return async (path: string, init: RequestInit): Promise<Response> => {
    const headers = { ...(init.headers as Record<string, string>), authorization: `Bearer ${token}` };
    const response = await (own ?? fetch)(base + path, { ...init, headers, redirect: "manual" });
    if (response.ok) return response;
    await response.body?.cancel();
    throw new DiscoveryError(`the registry answered ${response.status}`);
  };
}
