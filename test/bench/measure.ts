/** Something that is called over and over. */
export interface Contestant {
  readonly name: string;
  /** Calls in one turn at most: for what leaves timers or objects behind, which would slow the others down. */
  readonly most?: number;
  call(): Promise<unknown>;
}

/** Contestants that do the same for their caller. The first is the call without any policy. */
export interface Section {
  readonly title: string;
  readonly contestants: readonly Contestant[];
}

export interface Timing {
  readonly name: string;
  /** Nanoseconds a call, with the call itself: the median of the rounds. */
  readonly total: number;
  /** Nanoseconds a call over the bare call of the same round: the median of the rounds. */
  readonly overhead: number;
}

export interface Effort {
  readonly rounds: number;
  /** Milliseconds that one contestant runs in each round: short, so that on a busy machine most turns are undisturbed. */
  readonly turn: number;
  /** Milliseconds that each contestant runs before the first round, for the compiler. */
  readonly warmUp: number;
}

/**
 * Times all contestants of a section in turn, round after round, so that whatever slows the machine down for a while
 * slows all of them down.
 */
export async function measure({ contestants }: Section, { rounds, turn, warmUp }: Effort): Promise<Timing[]> {
  const calls: number[] = [];
  for (const contestant of contestants) {
    const { most = Infinity } = contestant;
    let each = await time(contestant, 1_000);
    for (let spent = 0; spent < warmUp; spent += 5) {
      each = await time(contestant, Math.min(most, Math.ceil(5e6 / each)));
    }
    calls.push(Math.min(most, Math.ceil((turn * 1e6) / each)));
  }
  const totals = contestants.map(() => new Float64Array(rounds));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      // Another one begins each round: whoever comes after a wasteful one may pay for its garbage.
      const index = (turn + round) % contestants.length;
      const contestant = contestants[index] as Contestant;
      (totals[index] as Float64Array)[round] = await time(contestant, calls[index] as number);
    }
  }
  const bare = totals[0] as Float64Array;
  return contestants.map(({ name }, index) => {
    const own = totals[index] as Float64Array;
    return {
      name,
      total: median(own),
      overhead: median(own.map((each, round) => each - (bare[round] as number))),
    };
  });
}

/** Nanoseconds that a call takes, over so many calls one after the other. */
async function time(contestant: Contestant, calls: number): Promise<number> {
  const start = performance.now();
  for (let call = 0; call < calls; call++) await contestant.call();
  return ((performance.now() - start) * 1e6) / calls;
}

export function median(values: Iterable<number>): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}
