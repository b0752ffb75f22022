import type { CircuitReport, ObservedEvent } from "ninelives/observer";

/** A time that a circuit spent in one state, in milliseconds since 1970 by the observer's clock. */
export interface Stretch {
  readonly state: string;
  readonly from: number;
  readonly to: number;
}

const changes: Readonly<Record<string, string>> = {
  "circuit.half-opened": "half-open",
  "circuit.closed": "closed",
};

/**
 * What a circuit has been since `from`, oldest first, as far as the page has seen: where nothing is known there is none.
 *
 * @param events oldest first; what they tell of other circuits is passed over
 */
export function stretchesOf(
  report: CircuitReport,
  events: readonly ObservedEvent[],
  from: number,
  now: number,
): Stretch[] {
  const turns: { state: string; at: number }[] = [];
  let before: string | undefined;
  for (const event of events) {
    if (!("from" in event && "circuit" in event) || event.circuit !== report.circuit) continue;
    before ??= event.from;
    if (event.at >= report.since) continue;
    const opened = event.type === "circuit.opened" && event.openFor === undefined ? "forced-open" : "open";
    const state = changes[event.type] ?? opened;
    // Each isolate tells of the same change: the first telling counts.
    if (turns.at(-1)?.state !== state) turns.push({ state, at: event.at });
  }
  turns.push({ state: report.state, at: report.since });
  // Where the page knows of every opening, the circuit was all along what it was before the first change.
  const opened = turns.filter(({ state }) => state.endsWith("open") && state !== "half-open").length;
  const heardOf = now - Object.values(report.timeIn).reduce((sum, ms) => sum + ms, 0);
  if (before !== undefined && opened >= report.openings && heardOf < (turns[0]?.at ?? 0))
    turns.unshift({ state: before, at: heardOf });
  const stretches = turns.map(({ state, at }, index): Stretch => {
    return { state, from: Math.max(from, at), to: Math.max(from, turns[index + 1]?.at ?? now) };
  });
  return stretches.filter((each) => each.to > each.from);
}
