import { type Discovery, type Endpoint, endpoint } from "./discovery.ts";

/** Milliseconds: what is written down does not change. */
const always = 3_600_000;

/**
 * Finds what was written down: the simplest discovery, for tests and for the day before there is another.
 *
 * @throws RangeError or TypeError for an endpoint that is none
 * @example
 * const discovery = staticDiscovery([{ name: "eu", url: "https://eu.example.com" }]);
 */
export function staticDiscovery(
  endpoints: readonly (Pick<Endpoint, "name" | "url"> & Partial<Endpoint>)[],
): Discovery {
  const read = endpoints.map((each) => endpoint(each, "staticDiscovery"));
  return async () => ({ endpoints: read, holds: always });
}
