import type { Series } from "ninelives/observer";

/** What became of the calls of one point in time. */
export interface Outcomes {
  readonly answered: number;
  readonly failed: number;
  /** Failed because a circuit or a bulkhead refused them. */
  readonly refused: number;
}

/**
 * A series as outcomes that add up to its requests.
 *
 * The newest point is not over yet. It is filled up from the one before, as if that went on, so that a curve does not
 * dive at its end.
 *
 * @param at the observer's clock when the series was made
 */
export function outcomesOf({ step, requests, failures, rejected }: Series, at: number): Outcomes[] {
  const passed = (at % step) / step;
  const last = requests.length - 1;
  const filled = (values: readonly number[], index: number): number => {
    const value = values[index] ?? 0;
    return index === last && last > 0 ? value + (1 - passed) * (values[index - 1] ?? 0) : value;
  };
  return requests.map((_, index) => {
    const failed = filled(failures, index);
    // With a fallback a refused call may still have been answered.
    const refused = Math.min(filled(rejected, index), failed);
    return { answered: filled(requests, index) - failed, failed: failed - refused, refused };
  });
}

/** The first point of a series that the observer saw anything of: what was before it began is unknown, not zero. */
export function watchedFrom({ step, requests }: Series, at: number, since: number | null): number {
  if (since === null) return requests.length;
  const newest = Math.floor(at / step);
  return Math.max(0, Math.floor(since / step) - (newest - requests.length + 1));
}

/** A round number that is at least as large: the scale then moves seldom. */
export function roundUp(value: number): number {
  if (value <= 1) return 1;
  const magnitude = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((each) => value <= each * magnitude + 1e-9) ?? 10;
  return step * magnitude;
}

/** The outline between a lower and an upper edge, as the `d` of an SVG path. */
export function band(
  lower: readonly number[],
  upper: readonly number[],
  x: (index: number) => number,
  y: (value: number) => number,
): string {
  if (upper.length === 0) return "";
  const point = (index: number, value: number): string => `${round(x(index))} ${round(y(value))}`;
  const there = upper.map((value, index) => point(index, value));
  const back = lower.map((value, index) => point(index, value)).reverse();
  return `M${there.join("L")}L${back.join("L")}Z`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
