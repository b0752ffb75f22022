import type { SharedRecord } from "../state/coordinator.ts";

const newestVersion: SharedRecord["version"] = 2;

/**
 * Reads what a home kept. What is no record counts as lost: replicas that know more than a new one are followed.
 *
 * @throws TypeError for the record of a later version, which is left to those who know it
 */
export function readRecord(kept: unknown): SharedRecord | undefined {
  if (typeof kept !== "object" || kept === null) return undefined;
  const { version, epoch, clock, members } = kept as Partial<SharedRecord>;
  if (typeof version !== "number" || typeof epoch !== "number" || typeof clock !== "number") return undefined;
  if (version > newestVersion)
    throw new TypeError(`the home is of version ${version}, and this one knows ${newestVersion} at most`);
  return Array.isArray(members) ? (kept as SharedRecord) : undefined;
}
