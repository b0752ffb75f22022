import type { Context } from "../core/context.ts";
import { quote } from "../core/duration.ts";
import { compose, type Wrapped } from "../core/policy.ts";
import { type AuditLog, audited } from "./audit.ts";
import { authorised } from "./authorise.ts";
import { CommandError } from "./command-error.ts";
import { once, type ResultStore } from "./once.ts";
import type { JsonSchema, Schema } from "./schema.ts";
import { type Identity, reaches } from "./tokens.ts";
import type { CommandEnvelope, CommandResult } from "./wire.ts";

/** A command as the policies of the control plane see it: what is asked, and who asks. */
export interface Command extends CommandEnvelope {
  readonly identity: Identity;
}

/** What a name does. */
export interface CommandDefinition<Input> {
  readonly name: string;
  /** What it does for its sender, in a line; for the docs of every transport. */
  readonly description?: string;
  /** What the sender must be allowed. Default the name itself. */
  readonly scope?: string;
  /** What its arguments must be; also what docs and clients are told of them. */
  readonly input: Schema<Input>;
  /** What its result is, for docs and clients. Default anything. */
  readonly output?: JsonSchema;
  /** It changes nothing: it is done anew each time, whatever its id, and leaves one line in the log instead of two. */
  readonly readOnly?: true;
  /**
   * The policy or circuit that it touches, or `each` where `run` leaves out what its sender may not touch. Without it,
   * only those may send it who may touch all.
   */
  readonly touches?: "each" | ((input: Input) => string);
  readonly run: (input: Input, command: Command, context: Context) => Promise<unknown>;
}

/** A definition among others, whose input only itself knows. */
export interface RegisteredCommand {
  readonly name: string;
  readonly description: string;
  readonly scope: string;
  readonly input: JsonSchema;
  readonly output: JsonSchema;
  readonly readOnly: boolean;
  /** Arguments as the audit log has them: without what their schema says is secret. */
  shown(args: Command["args"]): unknown;
  run(command: Command, context: Context): Promise<unknown>;
}

/**
 * Defines a command, for every transport.
 *
 * @example
 * const drain = defineCommand({
 *   name: "cache.drain",
 *   description: "Empties the cache of a region.",
 *   input: object({ region: text() }),
 *   run: async ({ region }) => caches.drain(region),
 * });
 */
export function defineCommand<Input>(definition: CommandDefinition<Input>): RegisteredCommand {
  const {
    name,
    description = "",
    scope = name,
    input,
    output = {},
    readOnly = false,
    touches,
    run,
  } = definition;
  if (typeof name !== "string" || !/^[A-Za-z][\w.-]{0,99}$/.test(name)) {
    throw new TypeError(
      `defineCommand: name must be up to 100 letters, digits, dots, dashes, but is ${quote(name)}`,
    );
  }
  return {
    name,
    description,
    scope,
    input: input.json,
    output,
    readOnly,
    shown: (args) => input.hide?.(args) ?? args,
    run: async (command, context) => {
      const { identity, args } = command;
      const read = input.read(args, "args");
      const touched = typeof touches === "function" ? touches(read) : "";
      if (touches !== "each" && !reaches(identity, touched)) {
        const what = touched === "" ? `${name} touches all policies` : `${touched} is not among theirs`;
        throw new CommandError("forbidden", `${identity.name} may not send this: ${what}`);
      }
      try {
        return await run(read, command, context);
      } catch (error) {
        throw error instanceof CommandError && error.there !== undefined ? toldTo(identity, error) : error;
      }
    },
  };
}

/** An error with the names that its reader may know. */
function toldTo(
  identity: Identity,
  { kind, message, members, cause, there = [] }: CommandError,
): CommandError {
  const names = there.filter((name) => reaches(identity, name));
  const told = `${message}; there ${names.length > 1 ? "are" : "is"} ${names.join(", ") || "none"}`;
  return new CommandError(kind, told, { members, cause });
}

export interface CommandServiceOptions {
  readonly commands: readonly RegisteredCommand[];
  readonly audit: AuditLog;
  readonly results: ResultStore;
}

/**
 * The way of every command: audit, then authorisation, then the handler, all services within policies.
 *
 * @throws CommandError when it was not done; what a handler throws passes through
 */
export function commandService(options: CommandServiceOptions): Wrapped<Command, CommandResult> {
  const { commands, audit, results } = options;
  const byName = new Map(commands.map((command) => [command.name, command]));
  const twice = commands.find((command) => byName.get(command.name) !== command);
  if (twice !== undefined) throw new TypeError(`commandService: there are two commands ${twice.name}`);
  const readOnly = (name: string) => byName.get(name)?.readOnly === true;
  // The name of a command that there is not may be the misspelt one of another, whose arguments hold secrets.
  const shown = ({ name, args }: Command) => byName.get(name)?.shown(args) ?? namesOnly(args);
  return compose(audited(audit, readOnly, shown), authorised(byName), once(results, readOnly)).wrap(
    async (command: Command, context: Context): Promise<CommandResult> => {
      const { id, name } = command;
      // Authorisation has refused what nobody registered.
      const registered = byName.get(name) as RegisteredCommand;
      return { id, name, value: await registered.run(command, context) };
    },
  );
}

function namesOnly(args: Command["args"]): unknown {
  return Object.fromEntries(Object.keys(args).map((name) => [name, "…"]));
}

/**
 * Reads a command from what a transport received.
 *
 * @throws CommandError of the kind `invalid-arguments` that names the field
 */
export function readCommand(input: unknown, identity: Identity): Command {
  if (!isRecord(input)) throw new CommandError("invalid-arguments", "a command must be a JSON object");
  const { id, name, args = {} } = input;
  // Of halves of characters a store makes one and the same.
  if (typeof id !== "string" || id.length < 1 || id.length > 100 || !id.isWellFormed()) {
    throw new CommandError("invalid-arguments", "id must be a text of 1 to 100 characters");
  }
  if (typeof name !== "string" || name === "" || name.length > 100) {
    throw new CommandError("invalid-arguments", "name must be a text of 1 to 100 characters");
  }
  if (!isRecord(args)) throw new CommandError("invalid-arguments", "args must be an object");
  plain(args);
  return { id, name, args, identity };
}

/** The deepest that arguments may nest: what writes them down or sends them on goes into them by recursion. */
const deepest = 32;
const refusedKeys: readonly string[] = ["__proto__", "constructor", "prototype"];

/** Refuses what nests too deep, and keys that an object inherits. */
function plain(args: object): void {
  let level: object[] = [args];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > deepest) throw new CommandError("invalid-arguments", `args nest more than ${deepest} deep`);
    const bad = level.flatMap(Object.keys).find((key) => refusedKeys.includes(key));
    if (bad !== undefined) throw new CommandError("invalid-arguments", `args may have no key ${bad}`);
    level = level
      .flatMap((each): unknown[] => Object.values(each))
      .filter((each): each is object => typeof each === "object" && each !== null);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
