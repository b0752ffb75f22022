/**
 * The reports that a home has asked for, counted by the second in which they are due: each replica is asked for one at a
 * time, so that they are also a census.
 *
 * No second is asked for more than its share, however many replicas there are: who comes when all near ones are taken is
 * asked later. Plain JSON; times are the record's own.
 */
export interface Slots {
  /** The second that the first count is of. */
  readonly first: number;
  readonly counts: readonly number[];
}

const second = 1_000;
/** Reports a second that a home asks for, unless it says otherwise. */
const usualRate = 100;
/** Seconds ahead that a report is asked for at most; past that they crowd. */
const farthest = 3_600;

export const noSlots: Slots = { first: 0, counts: [] };

/** Forgets the seconds that have passed. */
export function passed({ first, counts }: Slots, time: number): Slots {
  const now = Math.floor(time / second);
  return now <= first ? { first, counts } : { first: now, counts: counts.slice(now - first) };
}

/**
 * Books the first free slot that is not before `wanted`, and tells its time.
 *
 * @param rate reports a second that the home asks for
 */
export function book({ first, counts }: Slots, wanted: number, rate: number = usualRate): [Slots, number] {
  let index = Math.max(0, Math.floor(wanted / second) - first);
  while ((counts[index] ?? 0) >= rate && index < farthest) index++;
  const taken = counts[index] ?? 0;
  const at = Math.max(wanted, (first + index) * second + Math.min(second, (taken * second) / rate));
  return [{ first, counts: counted(counts, index, 1) }, at];
}

/** Gives a slot back: its report came before its time. */
export function cancel({ first, counts }: Slots, at: number): Slots {
  const index = Math.floor(at / second) - first;
  return (counts[index] ?? 0) > 0 ? { first, counts: counted(counts, index, -1) } : { first, counts };
}

/** Reports that are still to come, after this second. */
export function booked({ counts }: Slots): number {
  return counts.reduce((sum, count) => sum + count, 0) - (counts[0] ?? 0);
}

function counted(counts: readonly number[], index: number, change: number): readonly number[] {
  const changed = counts.slice();
  while (changed.length <= index) changed.push(0);
  changed[index] = (changed[index] as number) + change;
  return changed;
}
