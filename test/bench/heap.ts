import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Contestant } from "./measure.ts";
import { median } from "./measure.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as (options?: { readonly type: "minor" }) => void;

const heapUsed = (): number => process.memoryUsage().heapUsed;

/** Bytes that a call allocates: the median of runs that are short enough for no collection to come between. */
export async function bytesPerCall({ call }: Contestant): Promise<number> {
  const calls = 400;
  const runs: number[] = [];
  for (let run = 0; run < 15; run++) {
    // The old space may be large, with what peers left in it, and does not matter here.
    collect({ type: "minor" });
    const before = heapUsed();
    for (let each = 0; each < calls; each++) await call();
    runs.push((heapUsed() - before) / calls);
  }
  return median(runs);
}

/** Bytes of heap that an instance keeps. */
export function bytesPerInstance(make: () => unknown): number {
  const instances = 2_000;
  const runs: number[] = [];
  for (let run = 0; run < 5; run++) {
    const kept: unknown[] = new Array(instances).fill(undefined);
    collect();
    const before = heapUsed();
    for (let each = 0; each < instances; each++) kept[each] = make();
    collect();
    runs.push((heapUsed() - before) / instances);
    kept.length = 0;
  }
  return median(runs);
}

/** Bytes of heap after a full collection. */
export function heapAfterCollection(): number {
  collect();
  collect();
  return heapUsed();
}
