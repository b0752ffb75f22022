import { type SharedStore, sharedBy } from "../policies/fleet.ts";
import { timeout } from "../policies/timeout.ts";
import type { Report, View } from "../state/sync.ts";

/** What the store needs of a Durable Object namespace whose class is `CircuitObject` of `ninelives/workers`. */
export interface CircuitNamespace {
  getByName(name: string): { sync(report: Report): Promise<View> };
}

/**
 * A home on Cloudflare's edge: one Durable Object for each circuit, shared by all isolates everywhere.
 *
 * Policies call it in the background only. It takes a new stub for each report, since one that failed stays broken.
 *
 * @example
 * const circuit = circuitBreaker({ name: "prices", shared: durableObjectStore(env.CIRCUITS) });
 */
export function durableObjectStore(namespace: CircuitNamespace): SharedStore {
  const sync = timeout("4s").wrap(({ name, report }: { readonly name: string; readonly report: Report }) =>
    namespace.getByName(name).sync(report),
  );
  return sharedBy({ sync: (name, report) => sync({ name, report }) });
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
  revive,
  type SharedRecord,
  viewOf,
} from "../state/coordinator.ts";
export type { CircuitView, Report, View } from "../state/sync.ts";
export { type FollowMessage, type FollowRequest, followPath, followProtocol } from "./follow-wire.ts";
export { largestReport, ReportError, readReport } from "./read-report.ts";
