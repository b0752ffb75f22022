import { known } from "../core/check.ts";
import { quote } from "../core/duration.ts";
import { type SharedStore, sharedBy } from "../policies/fleet.ts";
import { timeout } from "../policies/timeout.ts";
import type { CircuitReport, Report, View } from "../state/sync.ts";
import { regionName } from "./region.ts";

/** What the store needs of a Durable Object namespace whose class is `CircuitObject` of `ninelives/workers`. */
export interface CircuitNamespace {
  getByName(name: string): {
    sync(report: Report): Promise<View>;
    /** Of the home of a region: takes the report of one of its replicas. */
    relay(name: string, region: string, report: CircuitReport): Promise<View>;
  };
}

/** Milliseconds within which the isolates of a region report for the first time: all of a region may begin at once. */
const firstReports = 8_000;
/** Characters of a region's name. */
const longestRegion = 64;

export interface DurableObjectStoreOptions {
  /**
   * Circuits report to an object of this region, and that to the circuit's own object for all of the region. For fleets
   * that are too large for one object; the class needs its own namespace as the binding `CIRCUITS`. Default none.
   */
  readonly region?: string;
}

/**
 * A home on Cloudflare's edge: one Durable Object for each circuit, shared by all isolates everywhere.
 *
 * Policies call it in the background only. It takes a new stub for each report, since one that failed stays broken.
 *
 * @example
 * const circuit = circuitBreaker({ name: "prices", shared: durableObjectStore(env.CIRCUITS) });
 */
export function durableObjectStore(
  namespace: CircuitNamespace,
  options: DurableObjectStoreOptions = {},
): SharedStore {
  known(options, "durableObjectStore", ["region"]);
  const region = options.region === undefined ? undefined : regionIn(options.region);
  const sync = timeout("4s").wrap(({ name, report }: { readonly name: string; readonly report: Report }) => {
    // Limits and leases are the root's: it asks for few reports, however many replicas there are.
    const ofCircuit = report.kind === undefined || report.kind === "circuit";
    return region !== undefined && ofCircuit
      ? namespace.getByName(regionName(name, region)).relay(name, region, report)
      : namespace.getByName(name).sync(report);
  });
  const spread = region === undefined ? 0 : firstReports;
  return sharedBy({ sync: (name, report) => sync({ name, report }) }, spread);
}

export {
  type CircuitCommand,
  type CircuitRecord,
  command,
  coordinate,
  endsIn,
  expire,
  isNews,
  mustStore,
  type Quorum,
  resetLimit,
  revive,
  type SharedRecord,
  type ViewFor,
  viewOf,
} from "../state/coordinator.ts";
export type { RegionRecord } from "../state/region.ts";
export type { CircuitReport, CircuitView, Report, View } from "../state/sync.ts";
export {
  type FollowMessage,
  type FollowRequest,
  followPath,
  followProtocol,
  followUntil,
} from "./follow-wire.ts";
export { largestReport, ReportError, readRegionReport, readReport } from "./read-report.ts";
export { Region, type RegionOptions, RootLostError, regionName } from "./region.ts";

function regionIn(value: string): string {
  if (typeof value === "string" && value !== "" && value.length <= longestRegion) return value;
  throw new TypeError(
    `durableObjectStore: region must be a text of 1 to ${longestRegion} characters, but is ${quote(value)}`,
  );
}
