import type { AlertReport } from "ninelives/observer";
import { timeOfDay } from "./format.ts";

/** What began to fire between two looks at the rules, in words; empty where nothing did. */
export function begunToFire(
  before: readonly AlertReport[] | null,
  after: readonly AlertReport[] | null,
): string {
  const firing = (rules: readonly AlertReport[] | null): [name: string, words: string][] =>
    (rules ?? []).flatMap(({ name, subjects }) =>
      subjects
        .filter(({ state }) => state === "firing")
        .map(({ policy, circuit, since }): [string, string] => {
          const what = circuit === null ? policy : `${policy}, circuit ${circuit}`;
          return [JSON.stringify([name, policy, circuit]), `${name} for ${what}, since ${timeOfDay(since)}`];
        }),
    );
  const known = new Set(firing(before).map(([name]) => name));
  const [first, ...more] = firing(after).flatMap(([name, words]) => (known.has(name) ? [] : [words]));
  if (first === undefined) return "";
  return `Alert fires: ${first}${more.length > 0 ? `, and ${more.length} more` : ""}`;
}
