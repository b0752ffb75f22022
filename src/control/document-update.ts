import { exponential } from "../policies/backoff.ts";
import { retry } from "../policies/retry.ts";
import { CommandError } from "./command-error.ts";
import { inForce } from "./document-history.ts";
import {
  changeDocument,
  configuredOf,
  type DocumentChanged,
  type DocumentPlane,
  type DryRun,
  historyOf,
  invalidText,
} from "./documents.ts";
import { withJsonValues } from "./json-document.ts";
import { type ParameterChanges, withParameters } from "./parameters.ts";
import type { PolicyDocument } from "./wire.ts";

/** A change of a document that is relative to what is in force. */
export interface WantedEdit {
  readonly name: string;
  /** The next text, from the one in force. */
  readonly edit: (text: string) => string;
  /** The argument that says how, which errors name; none where they name what they mean themselves. */
  readonly argument?: string | undefined;
  /** The version that they saw; any without it. */
  readonly version?: number | undefined;
  readonly by: string;
  readonly expiresIn?: number | undefined;
  readonly dryRun?: boolean | undefined;
}

/** Some values of a policy that somebody wants changed, and nothing else of it. */
export interface WantedUpdate extends Omit<WantedEdit, "edit"> {
  readonly changes: ParameterChanges;
}

/** Makes a function that changes a document from what it is, as one new version. */
export function documentEdits(plane: DocumentPlane) {
  const overtaken = retry({
    attempts: 6,
    backoff: exponential("10ms"),
    retryOn: (outcome) => "error" in outcome && isOvertaken(outcome.error),
  });
  const once = async ({ edit, version, ...wanted }: WantedEdit): Promise<DocumentChanged | DryRun> => {
    const now = inForce(await historyOf(plane, wanted.name));
    const text = edited(now.text, edit, wanted.argument);
    const beneath = wanted.expiresIn === undefined ? editedBeneath(plane, now, edit) : undefined;
    return changeDocument(plane, { ...wanted, text, beneath, version: version ?? now.version });
  };
  /**
   * Without a version the change is relative to what is in force, also where somebody else was faster in between. One that
   * stays is made beneath an override too, which holds on until its end.
   *
   * @throws CommandError as `changeDocument` does; `invalid-arguments` where `edit` throws another error; `conflict` where the
   *   change does not fit beneath an override
   */
  return (wanted: WantedEdit): Promise<DocumentChanged | DryRun> =>
    wanted.version === undefined ? overtaken.execute(() => once(wanted)) : once(wanted);
}

/** Makes a function that changes some values of a document and leaves the rest. */
export function documentUpdates(plane: DocumentPlane) {
  const edit = documentEdits(plane);
  /** @throws CommandError as `documentEdits` does; `not-found` for a parameter that is not there */
  return async ({ changes, ...wanted }: WantedUpdate): Promise<DocumentChanged | DryRun> => {
    const change = configuredOf(plane, wanted.name).json ? withJsonValues : withParameters;
    return edit({ ...wanted, edit: (text) => change(text, changes) });
  };
}

function edited(text: string, edit: (text: string) => string, argument: string | undefined): string {
  try {
    return edit(text);
  } catch (error) {
    throw invalidText(error, argument);
  }
}

/** What a change comes to beneath an override; nothing where there is none. @throws CommandError: `conflict` */
function editedBeneath(
  plane: DocumentPlane,
  { name, version, until, beneath }: PolicyDocument,
  edit: (text: string) => string,
): string | undefined {
  if (until === undefined || beneath === undefined) return undefined;
  try {
    const text = edit(beneath.text);
    plane.check(name, text);
    return text;
  } catch (error) {
    const what = `version ${version} of ${name} is an override, and the change does not fit what comes back after it`;
    const how =
      "it can be made when that has ended, for a while with expiresIn, or as a whole by policy.set, which ends it";
    throw new CommandError("conflict", `${what}: ${(error as Error).message}; ${how}`, {
      cause: error,
      members: { until },
    });
  }
}

/** Whether somebody else was faster. */
function isOvertaken(error: unknown): boolean {
  return error instanceof CommandError && error.kind === "conflict" && "found" in error.members;
}
