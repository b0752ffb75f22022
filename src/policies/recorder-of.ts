import type { Percentile } from "./percentile.ts";

/** Where to record latencies, for an option that may be a percentile. */
export function recorderOf(option: unknown): ((ms: number) => void) | undefined {
  return typeof option === "function" && "record" in option ? (option as Percentile).record : undefined;
}
