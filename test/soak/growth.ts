/** Bytes that any process may take more without it being a leak: a heap that is not collected yet. */
const allowance = 16 * 1024 * 1024;
const ratio = 1.1;

/** What a memory took in the second quarter of its samples and in the last, and whether that is growth. */
export interface Growth {
  readonly early: number;
  readonly late: number;
  readonly grows: boolean;
}

/** The first quarter is warm-up; of the others the medians count, since a collector saws. */
export function growthOf(samples: readonly number[]): Growth {
  const quarter = Math.floor(samples.length / 4);
  if (quarter === 0) throw new RangeError(`growth needs at least 4 samples, but there are ${samples.length}`);
  const early = median(samples.slice(quarter, 2 * quarter));
  const late = median(samples.slice(-quarter));
  return { early, late, grows: late > early * ratio + allowance };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}
