const mb = 1024 * 1024;

/** What may be more at the end without it being a leak. */
interface Allowance {
  readonly ratio: number;
  readonly bytes: number;
}

/** Of what a process holds: its allocator keeps what was freed, and its heaps are not collected yet. */
export const ofProcess: Allowance = { ratio: 1.1, bytes: 16 * mb };
/** Of a heap right after a collection: an hour's leak of 8 bytes an event is more. */
export const ofHeap: Allowance = { ratio: 1.05, bytes: mb };

/** What a memory took in the second quarter of its samples and in the last, and whether that is growth. */
export interface Growth {
  readonly early: number;
  readonly late: number;
  readonly grows: boolean;
}

/** The first quarter is warm-up, an hour's windows included; of the others the medians count, since a collector saws. */
export function growthOf(samples: readonly number[], { ratio, bytes }: Allowance): Growth {
  const quarter = Math.floor(samples.length / 4);
  if (quarter === 0) throw new RangeError(`growth needs at least 4 samples, but there are ${samples.length}`);
  const early = median(samples.slice(quarter, 2 * quarter));
  const late = median(samples.slice(-quarter));
  return { early, late, grows: late > early * ratio + bytes };
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}
