import type { ParameterState } from "ninelives/control";

const kinds: Readonly<Record<ParameterState["kind"], string>> = {
  whole: "a whole number",
  number: "a number",
  duration: "a duration such as 250ms or 5s",
  flag: "true or false",
  window: "a number of calls, or a duration such as 10s",
  choice: "one of",
  expression: "as the text has it, such as exponential(100ms)",
};

/** What a value may be, in words. */
export function boundsOf(parameter: ParameterState): string {
  const { kind, unit, minimum, maximum, exclusiveMinimum, choices = [], default: initial } = parameter;
  const said = kind === "choice" ? [`${kinds.choice} ${choices.join(", ")}`] : [kinds[kind] ?? kind];
  if (minimum !== undefined && maximum !== undefined)
    said.push(`${kind === "choice" ? "or " : ""}${minimum} to ${maximum}`);
  // That a duration is not negative goes without saying.
  else if (minimum !== undefined && (kind !== "duration" || exclusiveMinimum || minimum > 0))
    said.push(`${exclusiveMinimum ? "more than" : "at least"} ${minimum}`);
  else if (maximum !== undefined) said.push(`at most ${maximum}`);
  if (unit !== undefined && unit !== "ms") said.push(`in ${unit === "share" ? "shares of 1" : unit}`);
  if (initial !== null) said.push(`${bare(initial)} by default`);
  return said.join(" · ");
}

/** A value as one writes it: what is one of some choices stands without its quotes. */
export function bare(value: string): string {
  return value.replace(/^"(.*)"$/, "$1");
}

/** A value as the server reads it. */
export function quoted({ choices }: Pick<ParameterState, "choices">, value: string): string {
  return choices?.includes(value) ? JSON.stringify(value) : value;
}
