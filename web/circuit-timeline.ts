import type { CircuitReport } from "ninelives/observer";

/** A time that a circuit spent in one state, in milliseconds since 1970 by the observer's clock. */
export interface Stretch {
  readonly state: string;
  readonly from: number;
  readonly to: number;
}

/** What a circuit has been since `from`, oldest first: where the observer knows nothing there is none. */
export function stretchesOf(
  { turns = [], state, since }: Pick<CircuitReport, "turns" | "state" | "since">,
  from: number,
  now: number,
): Stretch[] {
  const all = [...turns, { state, since }];
  return all
    .map((turn, index): Stretch => {
      const to = all[index + 1]?.since ?? now;
      return { state: turn.state, from: Math.max(from, turn.since), to };
    })
    .filter((each) => each.to > each.from);
}
