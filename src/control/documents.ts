import { type Description, describe } from "../core/description.ts";
import { ExpressionError, parse } from "../expression/parse.ts";
import { CommandError } from "./command-error.ts";
import {
  configured,
  type DocumentHistory,
  type EndedOverride,
  endedBy,
  inForce,
} from "./document-history.ts";
import type { DocumentStore } from "./document-store.ts";
import { jsonDifferences } from "./json-document.ts";
import { listParameters } from "./parameter-list.ts";
import { type Difference, differences } from "./parameters.ts";
import { allows, type Identity } from "./tokens.ts";
import type { ParameterState, PolicyDocument } from "./wire.ts";

/** What the configuration says of a policy: its version 0. */
export interface ConfiguredPolicy {
  readonly name: string;
  readonly text: string;
  /** It is not among those that are listed. */
  readonly hidden?: boolean;
  /** Its text is a JSON object, and no policy: a path such as `group.slowStart` leads to each value. */
  readonly json?: boolean;
  /** What its changes need, beside the scope of the command that makes them. */
  readonly scope?: string;
}

/** What the commands on documents work on: where documents are kept, and the policies that go by them here. */
export interface DocumentPlane {
  readonly store: DocumentStore;
  /** The policies that there are. */
  policies(): readonly ConfiguredPolicy[];
  /** Checks a text. @throws ExpressionError, or an error of JSON that will not do */
  check(name: string, text: string): void;
  /** Whether a policy of this name, which is not there, may come to be by another document. Default: none may. */
  mayCome?(name: string): boolean;
  /** Puts a document in force here, at once; others follow. */
  apply(document: PolicyDocument): Promise<void>;
}

/** A change that somebody asks for, or only asks about. */
export interface WantedChange {
  readonly name: string;
  readonly text: string;
  /** The argument that the text is or came of, which errors name; none where they name what they mean themselves. */
  readonly argument?: string | undefined;
  /** The version that they saw. */
  readonly version: number;
  readonly by: string;
  readonly expiresIn?: number | undefined;
  readonly dryRun?: boolean | undefined;
  /** What the change comes to beneath an override, which then holds on. Without it a change that stays ends the override. */
  readonly beneath?: string | undefined;
}

/** What a change did. */
export interface DocumentChanged extends PolicyDocument {
  /** The override that it ended before its time. */
  readonly ends?: EndedOverride;
}

/** What a change would do. */
export interface DryRun {
  readonly dryRun: true;
  readonly name: string;
  readonly text: string;
  readonly applies: boolean;
  /** The version that is in force. */
  readonly version: number;
  readonly changes: readonly Difference[];
  /** The override that it would end before its time. */
  readonly ends?: EndedOverride;
  /** The override that would hold on, and what it would then give way to. */
  readonly until?: number;
  readonly beneath?: string;
  readonly errors: readonly { readonly message: string; readonly line?: number; readonly column?: number }[];
}

/** All policies that are listed: as configured, or as the documents changed them. */
export async function policyDocuments(plane: DocumentPlane): Promise<PolicyDocument[]> {
  const { store } = plane;
  const changed = (await store.documents?.()) ?? (await store.histories()).map(inForce);
  return plane
    .policies()
    .filter(({ hidden }) => hidden !== true)
    .map(({ name, text }) => changed.find((each) => each.name === name) ?? inForce(configured(name, text)));
}

/** All that may be set in the policies that somebody may see; nothing of one whose text does not parse. */
export async function parameterStates(
  plane: DocumentPlane,
  sees: (document: PolicyDocument) => boolean,
): Promise<ParameterState[]> {
  return (await policyDocuments(plane)).filter(sees).flatMap((document) => {
    try {
      return parametersOf(document);
    } catch {
      // An older version of this may have known what is in it; the others are no less there.
      return [];
    }
  });
}

/** What may be set in a policy. */
export function parametersOf(document: Pick<PolicyDocument, "name" | "text" | "version">): ParameterState[] {
  const { name, text, version } = document;
  return listParameters(treeOf(text)).map((each) => ({ ...each, path: `${name}/${each.path}`, version }));
}

/** The versions of a policy that are kept. @throws CommandError: `not-found` */
export async function historyOf(plane: DocumentPlane, name: string): Promise<DocumentHistory> {
  const { text } = configuredOf(plane, name);
  return (await plane.store.history(name)) ?? configured(name, text);
}

/** One version of those that are kept. @throws CommandError: `not-found` */
export function versionOf(history: DocumentHistory, version: number): PolicyDocument {
  const found = history.find((each) => each.version === version);
  if (found !== undefined) return found;
  const { name } = inForce(history);
  const kept = `${history[0].version} to ${inForce(history).version}`;
  throw new CommandError("not-found", `${name} has no version ${version}; there are ${kept}`);
}

/**
 * Puts a text in force, or says what that would do.
 *
 * @throws CommandError: `invalid-arguments` for a text that will not do, with its line and column; `conflict` for a
 *   version that is past, with the one in force
 */
export async function changeDocument(
  plane: DocumentPlane,
  wanted: WantedChange,
): Promise<DocumentChanged | DryRun> {
  const { name, text, version, by, expiresIn, beneath } = wanted;
  const original = configuredOf(plane, name);
  if (wanted.dryRun) return dryRun(plane, wanted);
  try {
    plane.check(name, text);
  } catch (error) {
    throw invalidText(error, wanted.argument);
  }
  const change = { text, expected: version, by, holds: expiresIn, beneath };
  const outcome = await plane.store.change(name, original.text, change);
  if ("conflict" in outcome) throw conflict(name, outcome.conflict);
  const { document, ends } = outcome;
  await plane.apply(document);
  return { ...document, ...(ends !== undefined && { ends }) };
}

/** The tree of a text. @throws CommandError: `invalid-arguments`, with line and column */
export function treeOf(text: string): Description {
  try {
    return describe(parse(text));
  } catch (error) {
    throw invalidText(error);
  }
}

/** What a document's text says, as a tree: that of a policy, or the object that JSON is. */
export function treeIn({ json }: ConfiguredPolicy, text: string): object {
  return json ? (JSON.parse(text) as object) : treeOf(text);
}

/** What changes from one text of a document to another. */
export function changesIn({ json }: ConfiguredPolicy, before: string, after: string): Difference[] {
  return json ? jsonDifferences(before, after) : differences(treeOf(before), treeOf(after));
}

/**
 * What of a text an error says that will not do.
 *
 * @param argument where it was given, or what it came of: the place within it means something only to who wrote the text
 */
export function invalidText(error: unknown, argument?: string): CommandError {
  if (error instanceof CommandError) return error;
  const isWritten = argument === undefined || argument === "text";
  const { message } = error as Error;
  const told = isWritten ? message : message.replace(/^line \d+, column \d+: /, "");
  const members =
    isWritten && error instanceof ExpressionError ? { line: error.line, column: error.column } : {};
  const prefix = argument === undefined ? "" : `${argument}: `;
  return new CommandError("invalid-arguments", `${prefix}${told}`, { cause: error, members });
}

/** What is configured of a policy. @throws CommandError: `not-found` */
export function configuredOf(plane: DocumentPlane, name: string): ConfiguredPolicy {
  const policies = plane.policies();
  const found = policies.find((each) => each.name === name);
  if (found !== undefined) return found;
  const there = policies.filter(({ hidden }) => hidden !== true).map((each) => each.name);
  throw new CommandError("not-found", `there is no policy ${name}`, { there });
}

/** Whether somebody may change a document whose changes have a scope of their own. @throws CommandError: `forbidden`, `not-found` */
export function mayChange(plane: DocumentPlane, name: string, identity: Identity): void {
  const { scope } = configuredOf(plane, name);
  if (scope !== undefined && !allows(identity, scope))
    throw new CommandError("forbidden", `${identity.name} may not change ${name}: it needs ${scope}, too`);
}

function conflict(name: string, { expected, found }: { expected: number; found: number }): CommandError {
  const message = `version ${expected} was expected, but ${name} has version ${found}`;
  return new CommandError("conflict", message, { members: { expected, found } });
}

async function dryRun(plane: DocumentPlane, wanted: WantedChange): Promise<DryRun> {
  const { name, text, version, beneath, expiresIn: holds } = wanted;
  const history = await historyOf(plane, name);
  const now = inForce(history);
  const ends = endedBy(history, { holds, beneath });
  const answer = {
    dryRun: true,
    name,
    text,
    version: now.version,
    ...(ends !== undefined && { ends }),
    ...(now.until !== undefined && beneath !== undefined && { until: now.until, beneath }),
  } as const;
  try {
    plane.check(name, text);
  } catch (error) {
    const { message, members } = invalidText(error, wanted.argument);
    return { ...answer, applies: false, changes: [], errors: [{ message, ...members }] };
  }
  const changes = changesIn(configuredOf(plane, name), now.text, text);
  if (now.version === version) return { ...answer, applies: true, changes, errors: [] };
  const { message } = conflict(name, { expected: version, found: now.version });
  return { ...answer, applies: false, changes, errors: [{ message }] };
}
