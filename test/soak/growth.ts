const mb = 1024 * 1024;

/** How a quarter of an hour's samples is summed up, and what may be more at the end without it being a leak. */
interface Judge {
  readonly of: (samples: readonly number[]) => number;
  readonly ratio: number;
  readonly bytes: number;
}

/** Of what a process holds: its allocator keeps what was freed, and its heaps are not collected yet. */
export const ofProcess: Judge = { of: median, ratio: 1.1, bytes: 16 * mb };
/**
 * Of a heap right after a collection: an hour's leak of 8 bytes an event is more. What was under way at that moment is on top
 * of what stays, so that the least sample counts: a leak raises that one, too.
 */
export const ofHeap: Judge = { of: (samples) => Math.min(...samples), ratio: 1.05, bytes: mb };

/** What a memory took in the second quarter of its samples and in the last, and whether that is growth. */
export interface Growth {
  readonly early: number;
  readonly late: number;
  readonly grows: boolean;
}

/** The first quarter is warm-up, an hour's windows included; the other quarters are judged. */
export function growthOf(samples: readonly number[], { of, ratio, bytes }: Judge): Growth {
  const quarter = Math.floor(samples.length / 4);
  if (quarter === 0) throw new RangeError(`growth needs at least 4 samples, but there are ${samples.length}`);
  const early = of(samples.slice(quarter, 2 * quarter));
  const late = of(samples.slice(-quarter));
  return { early, late, grows: late > early * ratio + bytes };
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}
