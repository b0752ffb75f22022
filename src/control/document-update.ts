import { exponential } from "../policies/backoff.ts";
import { retry } from "../policies/retry.ts";
import { CommandError } from "./command-error.ts";
import { inForce } from "./document-history.ts";
import { changeDocument, type DocumentPlane, type DryRun, historyOf, invalidText } from "./documents.ts";
import { type ParameterChanges, withParameters } from "./parameters.ts";
import type { PolicyDocument } from "./wire.ts";

/** Some values of a policy that somebody wants changed, and nothing else of it. */
export interface WantedUpdate {
  readonly name: string;
  readonly changes: ParameterChanges;
  /** The version that they saw; any without it. */
  readonly version?: number | undefined;
  readonly by: string;
  readonly expiresIn?: number | undefined;
  readonly dryRun?: boolean | undefined;
}

/** Makes a function that changes some values of a policy, as one new version of its document. */
export function documentUpdates(plane: DocumentPlane) {
  const overtaken = retry({
    attempts: 6,
    backoff: exponential("10ms"),
    retryOn: (outcome) => "error" in outcome && isConflict(outcome.error),
  });
  const once = async ({ changes, version, ...wanted }: WantedUpdate): Promise<PolicyDocument | DryRun> => {
    const now = inForce(await historyOf(plane, wanted.name));
    const text = changed(now.text, changes);
    return changeDocument(plane, { ...wanted, text, version: version ?? now.version });
  };
  /**
   * Without a version the change is relative to what is in force, also where somebody else was faster in between.
   *
   * @throws CommandError as `changeDocument` does; `not-found` for a parameter that is not there
   */
  return (wanted: WantedUpdate): Promise<PolicyDocument | DryRun> =>
    wanted.version === undefined ? overtaken.execute(() => once(wanted)) : once(wanted);
}

function changed(text: string, changes: ParameterChanges): string {
  try {
    return withParameters(text, changes);
  } catch (error) {
    throw invalidText(error);
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof CommandError && error.kind === "conflict";
}
