import type { Random } from "ninelives";

/** A number of a normal distribution. Source: Box and Muller, 1958. */
export function normal(random: Random, mean: number, deviation: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return mean + deviation * radius * Math.cos(2 * Math.PI * random());
}

/** A number of a Pareto distribution: at least `least`, and the heavier its tail the smaller `shape`. */
export function pareto(random: Random, least: number, shape: number): number {
  return least / (1 - random()) ** (1 / shape);
}

/** The value that a share `q` of the values does not exceed. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}
