import { type AlertReport, type AlertSubject, type PolicyState, windowSpans } from "ninelives/observer";
import { span, timeOfDay } from "./format.ts";
import { isHeard } from "./model.ts";
import { doubtful } from "./trouble.ts";

/** For how long nothing was heard of what an alert is about, in words; empty where it is heard of in the rule's window. */
export function silenceOf(
  { window }: Pick<AlertReport, "window">,
  { circuit: name }: Pick<AlertSubject, "circuit">,
  state: PolicyState | undefined,
  now: number,
): string {
  if (state === undefined) return "";
  const circuit = state.circuits.find((each) => each.circuit === name);
  const quiet =
    name === null
      ? window !== null && !isHeard(state, windowSpans[window], now) && state.lastEventAt
      : circuit !== undefined && doubtful(circuit, now) && circuit.heardAt;
  return quiet === false ? "" : `nothing heard for ${span(now - quiet)}`;
}

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
