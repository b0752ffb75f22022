import { known } from "../core/check.ts";
import { quote } from "../core/duration.ts";
import { allowedBy, type Discovery } from "./discovery.ts";
import { type DnsDiscoveryOptions, dnsDiscovery } from "./dns-discovery.ts";

/** How the members of an upstream are found: by DNS, or at the Worker's own registry. */
export type UpstreamDiscover =
  | { readonly by: "dns"; readonly discovery: Discovery }
  | { readonly by: "registry"; readonly service: string; readonly allowed: (url: string) => boolean };

/** Reads the field `discover` of an upstream. @throws TypeError that names the field and quotes the value */
export function readDiscover(input: unknown, label: string): UpstreamDiscover | undefined {
  if (input === undefined) return undefined;
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new TypeError(`${label} must be an object with dns or registry, but is ${quote(input)}`);
  }
  const { dns, registry, ...rest } = input as Readonly<Record<string, unknown>>;
  if ((dns === undefined) === (registry === undefined)) {
    throw new TypeError(`${label} must have either dns or registry`);
  }
  try {
    if (registry === undefined) {
      known(rest, label, ["within", "scheme", "resolver", "least", "most"]);
      const options = { ...rest, name: dns } as DnsDiscoveryOptions;
      return { by: "dns", discovery: dnsDiscovery(options) };
    }
    known(rest, label, ["origins"]);
    if (typeof registry !== "string" || !/^[a-z0-9][a-z0-9-]{0,62}$/.test(registry)) {
      throw new TypeError(
        `registry must be lower-case letters, digits and hyphens, but is ${quote(registry)}`,
      );
    }
    const allowed = allowedBy(rest.origins as readonly string[], "origins");
    return { by: "registry", service: registry, allowed };
  } catch (cause) {
    throw new TypeError(`${label}: ${(cause as Error).message}`, { cause });
  }
}
