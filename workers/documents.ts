import { type Description, describe, ExpressionError, parse } from "ninelives";
import {
  CommandError,
  configured,
  type Difference,
  type DocumentHistory,
  differences,
  inForce,
  listParameters,
  type ParameterState,
  type PolicyDocument,
} from "ninelives/control";
import type { Env } from "./env.ts";
import { type Gateway, gatewayOf, type Route } from "./gateway.ts";

/** A change that somebody asks for, or only asks about. */
export interface WantedChange {
  readonly name: string;
  readonly text: string;
  /** The version that they saw. */
  readonly version: number;
  readonly by: string;
  readonly expiresIn?: number | undefined;
  readonly dryRun?: boolean | undefined;
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
  readonly errors: readonly { readonly message: string; readonly line?: number; readonly column?: number }[];
}

/** The policies of all upstreams: as configured, or as the documents changed them. */
export async function policyDocuments(env: Env): Promise<PolicyDocument[]> {
  const changed = await env.CONTROL.getByName("control").documents();
  return [...gatewayOf(env).routes.values()]
    .filter(({ upstream }) => !upstream.quiet)
    .map(({ upstream }) => {
      const found = changed.find(({ name }) => name === upstream.name);
      return found ?? inForce(configured(upstream.name, upstream.policy));
    });
}

/** All that may be set in the policies that somebody may see. */
export async function parameterStates(
  env: Env,
  sees: (document: PolicyDocument) => boolean,
): Promise<ParameterState[]> {
  return (await policyDocuments(env)).filter(sees).flatMap(parametersOf);
}

/** What may be set in a policy. */
export function parametersOf(document: Pick<PolicyDocument, "name" | "text" | "version">): ParameterState[] {
  const { name, text, version } = document;
  return listParameters(treeOf(text)).map((each) => ({ ...each, path: `${name}/${each.path}`, version }));
}

/** The versions of an upstream's policy that are kept. @throws CommandError: `not-found` */
export async function historyOf(env: Env, name: string): Promise<DocumentHistory> {
  const { upstream } = routeOf(gatewayOf(env), name);
  const history = await env.CONTROL.getByName("control").history(name);
  // What comes from an object has the types of RPC, which do not know that it is not empty.
  return (history as DocumentHistory | undefined) ?? configured(name, upstream.policy);
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
export async function changeDocument(env: Env, wanted: WantedChange): Promise<PolicyDocument | DryRun> {
  const { name, text, version, by, expiresIn } = wanted;
  const gateway = gatewayOf(env);
  const { upstream } = routeOf(gateway, name);
  if (wanted.dryRun) return dryRun(env, gateway, wanted);
  try {
    gateway.check(name, text);
  } catch (error) {
    throw invalidText(error);
  }
  const control = env.CONTROL.getByName("control");
  const options = { holds: expiresIn, original: upstream.policy };
  const outcome = await control.setDocument(name, text, version, by, options);
  if ("conflict" in outcome) throw conflict(name, outcome.conflict);
  await gateway.apply(outcome.document);
  return outcome.document;
}

/** The tree of a text. @throws CommandError: `invalid-arguments`, with line and column */
export function treeOf(text: string): Description {
  try {
    return describe(parse(text));
  } catch (error) {
    throw invalidText(error);
  }
}

/** What of a text an error says that will not do. */
export function invalidText(error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  const message = `text: ${(error as Error).message}`;
  const members = error instanceof ExpressionError ? { line: error.line, column: error.column } : {};
  return new CommandError("invalid-arguments", message, { cause: error, members });
}

/** The upstream's route. @throws CommandError: `not-found` */
export function routeOf(gateway: Gateway, name: string): Route {
  const route = gateway.routes.get(name);
  if (route !== undefined) return route;
  const known = [...gateway.routes.keys()].join(", ");
  throw new CommandError("not-found", `there is no policy ${name}; there are ${known}`);
}

function conflict(name: string, { expected, found }: { expected: number; found: number }): CommandError {
  const message = `version ${expected} was expected, but ${name} has version ${found}`;
  return new CommandError("conflict", message, { members: { expected, found } });
}

async function dryRun(env: Env, gateway: Gateway, { name, text, version }: WantedChange): Promise<DryRun> {
  const now = inForce(await historyOf(env, name));
  const answer = { dryRun: true, name, text, version: now.version } as const;
  try {
    gateway.check(name, text);
  } catch (error) {
    const { message, members } = invalidText(error);
    return { ...answer, applies: false, changes: [], errors: [{ message, ...members }] };
  }
  const changes = differences(treeOf(now.text), treeOf(text));
  if (now.version === version) return { ...answer, applies: true, changes, errors: [] };
  const { message } = conflict(name, { expected: version, found: now.version });
  return { ...answer, applies: false, changes, errors: [{ message }] };
}
