import type { Context } from "../core/context.ts";
import { quote } from "../core/duration.ts";
import { compose, type Wrapped } from "../core/policy.ts";
import { type AuditLog, audited } from "./audit.ts";
import { authorised } from "./authorise.ts";
import { once, type ResultStore } from "./once.ts";
import type { Identity } from "./tokens.ts";
import type { CommandEnvelope, CommandResult } from "./wire.ts";

/** A command as the policies of the control plane see it: what is asked, and who asks. */
export interface Command extends CommandEnvelope {
  readonly identity: Identity;
}

/** Why a command was not done. */
export type CommandFailure =
  | "unauthenticated"
  | "forbidden"
  | "unknown-command"
  | "invalid-arguments"
  | "not-found"
  | "conflict";

/** A command that was not done. Nothing has changed. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly kind: CommandFailure;

  constructor(kind: CommandFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}

/** What a name does. */
export interface CommandDefinition<Input> {
  readonly name: string;
  /** What the sender must be allowed. Default the name itself. */
  readonly scope?: string;
  /** Checks the arguments. @throws CommandError of the kind `invalid-arguments` */
  readonly input: (args: Readonly<Record<string, unknown>>) => Input;
  readonly run: (input: Input, command: Command, context: Context) => Promise<unknown>;
}

/** A definition among others, whose input only itself knows. */
export interface RegisteredCommand {
  readonly name: string;
  readonly scope: string;
  run(command: Command, context: Context): Promise<unknown>;
}

/**
 * Defines a command, for every transport.
 *
 * @example
 * const drain = defineCommand({
 *   name: "cache.drain",
 *   input: (args) => ({ region: textArgument(args, "region") }),
 *   run: async ({ region }) => caches.drain(region),
 * });
 */
export function defineCommand<Input>(definition: CommandDefinition<Input>): RegisteredCommand {
  const { name, scope = name, input, run } = definition;
  return { name, scope, run: async (command, context) => run(input(command.args), command, context) };
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
  return compose(audited(audit), authorised(byName), once(results)).wrap(
    async (command: Command, context: Context): Promise<CommandResult> => {
      const { id, name } = command;
      // Authorisation has refused what nobody registered.
      const registered = byName.get(name) as RegisteredCommand;
      return { id, name, value: await registered.run(command, context) };
    },
  );
}

/**
 * Reads a command from what a transport received.
 *
 * @throws CommandError of the kind `invalid-arguments` that names the field
 */
export function readCommand(input: unknown, identity: Identity): Command {
  if (!isRecord(input)) throw new CommandError("invalid-arguments", "a command must be a JSON object");
  const { id, name, args = {} } = input;
  if (typeof id !== "string" || id.length < 1 || id.length > 100) {
    throw new CommandError("invalid-arguments", "id must be a text of 1 to 100 characters");
  }
  if (typeof name !== "string" || name === "" || name.length > 100) {
    throw new CommandError("invalid-arguments", "name must be a text of 1 to 100 characters");
  }
  if (!isRecord(args)) throw new CommandError("invalid-arguments", "args must be an object");
  return { id, name, args, identity };
}

/**
 * Reads a text argument.
 *
 * @throws CommandError of the kind `invalid-arguments` that names it and quotes the value
 */
export function textArgument(args: Readonly<Record<string, unknown>>, name: string): string {
  const value = Object.hasOwn(args, name) ? args[name] : undefined;
  if (typeof value === "string" && value !== "") return value;
  const found = value === undefined ? "missing" : quote(value).slice(0, 100);
  throw new CommandError("invalid-arguments", `${name} must be a text, but is ${found}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
