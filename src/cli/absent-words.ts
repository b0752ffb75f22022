import type { AbsentShards } from "../observer/system-state.ts";

/** What is unknown since some shards of the observer do not answer, in words. */
export function absentWords({ shards, of }: AbsentShards): string {
  const whose = shards.length === 1 ? "does not answer: its" : "do not answer: their";
  return `${shards.length} of ${of} shards of the observer ${whose} policies are unknown`;
}
