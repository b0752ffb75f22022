import type { Adaptive } from "ninelives";
import { json } from "./configured.ts";

/** The weights of an upstream's members, each of which may be turned while it runs. */
export type Weights = ReadonlyMap<string, Adaptive<number>>;

/**
 * Reads the text of the document that turns them: `{ "canary": 5 }`. Who is not named has the weight of the configuration.
 *
 * It may name members that a configuration since has no more: what it says of the others holds all the same.
 *
 * @throws TypeError or RangeError that names the member and quotes the weight
 */
export function readWeights(text: string): ReadonlyMap<string, number> {
  const read = json(text, "weights");
  if (typeof read !== "object" || read === null || Array.isArray(read))
    throw new TypeError('weights must be an object such as { "canary": 5 }');
  for (const [name, weight] of Object.entries(read)) {
    if (typeof weight !== "number" || !(weight >= 0 && weight <= 1_000)) {
      throw new RangeError(
        `weights: ${name} must be a number from 0 to 1000, but is ${JSON.stringify(weight)}`,
      );
    }
  }
  return new Map(Object.entries(read as Record<string, number>));
}

/** Checks a text that is to turn them. @throws TypeError or RangeError: as `readWeights`, and for who is no member */
export function checkWeights(text: string, weights: Weights): void {
  for (const name of readWeights(text).keys()) {
    if (weights.has(name)) continue;
    const there = [...weights.keys()].join(", ");
    throw new TypeError(`weights: there is no member ${JSON.stringify(name)}; there are ${there}`);
  }
}
