import type { CommandEnvelope, ParameterState, PolicyDocument } from "ninelives/control";
import { timeOfDay, unknown } from "./format.ts";
import { quoted } from "./parameters.ts";

/** A change of a policy that somebody is about to make. */
export type Draft =
  | { readonly of: "text"; readonly text: string }
  | { readonly of: "parameter"; readonly parameter: ParameterState; readonly value: string }
  | { readonly of: "version"; readonly to: number };

/** What a change does, as the server says before it does it. */
export interface Preview {
  readonly applies: boolean;
  readonly text: string;
  readonly version: number;
  readonly changes: readonly {
    readonly path: string;
    readonly before: string | null;
    readonly after: string | null;
  }[];
  readonly errors: readonly { readonly message: string }[];
  /** The override that it ends before its time. */
  readonly ends?: { readonly version: number; readonly until: number };
  /** When the override ends that it is made in, and beneath, so that it stays; milliseconds since 1970. */
  readonly until?: number;
}

/** What is said of a value that one side of a change does not give. */
export function missingIn(changes: Preview["changes"]): string {
  // With other policies the one that it would belong to may be missing too.
  return changes.some(({ path }) => path === "structure") ? unknown : "by default";
}

/** What a change means for the override that holds now; nothing where none does. */
export function overrideWords({ ends, until }: Preview): string | undefined {
  if (ends !== undefined)
    return `It ends the override of version ${ends.version}, which would hold until ${timeOfDay(ends.until)}.`;
  if (until === undefined) return undefined;
  return `The override holds on until ${timeOfDay(until)}. What comes back then is changed, too.`;
}

/** How long a change may hold, as the server reads it; empty for good. */
export const terms: readonly (readonly [expiresIn: string, words: string])[] = [
  ["", "for good"],
  ["5m", "for 5 minutes"],
  ["15m", "for 15 minutes"],
  ["1h", "for an hour"],
  ["8h", "for 8 hours"],
  ["24h", "for a day"],
];

/** The command that makes a change, or with `dryRun` only tells what it would do. */
export function commandOf(
  draft: Draft,
  { name }: Pick<PolicyDocument, "name">,
  how: { readonly version: number; readonly expiresIn: string; readonly dryRun: boolean },
): { readonly name: string; readonly args: CommandEnvelope["args"] } {
  const { version, expiresIn, dryRun } = how;
  const rest = { version, ...(expiresIn !== "" && { expiresIn }), ...(dryRun && { dryRun }) };
  if (draft.of === "text") return { name: "policy.set", args: { name, text: draft.text, ...rest } };
  if (draft.of === "version") return { name: "policy.rollback", args: { name, to: draft.to, ...rest } };
  const { parameter, value } = draft;
  return {
    name: "parameter.write",
    args: { path: parameter.path, value: quoted(parameter, value), ...rest },
  };
}

/** What the server says against a change, as it is read beside what was written: which argument it means is plain there. */
export function objection(message: string): string {
  return message.replace(/^(text|value): /, "");
}
