import type { Context } from "../core/context.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import { CommandError } from "./command-error.ts";
import type { Command } from "./commands.ts";
import { sha256 } from "./tokens.ts";
import type { AuditEntry, AuditOutcome, CommandResult } from "./wire.ts";

/** What is to be written; the log adds its place, its time and its hash. */
export type AuditDraft = Omit<AuditEntry, "seq" | "at" | "hash">;

/** Where entries go. Append-only. */
export interface AuditLog {
  /**
   * Gives the entry, or `null` where the log only counts it: denials of strangers may come in floods.
   *
   * @throws when it cannot be written: the command is then not done
   */
  append(draft: AuditDraft): Promise<AuditEntry | null>;
}

/** Characters of a command's arguments that are kept. */
const argumentsKept = 1_000;

/** The hash that the first entry follows. */
export const genesis: string = "0".repeat(64);

/**
 * Writes down each command before it is done and what became of it after, denials included.
 *
 * A command that cannot be written down is not done. One that changes nothing leaves one line, of what became of it, and
 * so does one that nobody sent whom the server knows: it will be denied.
 *
 * @param shown gives the arguments as the log may have them. Default as they are
 */
export function audited(
  log: AuditLog,
  readOnly: (name: string) => boolean = () => false,
  shown: (command: Command) => unknown = ({ args }) => args,
): Policy<Command, CommandResult> {
  const draft = (command: Command, outcome: AuditOutcome, reason: string | null) =>
    drafted(command, shown(command), outcome, reason);
  const changesSomething = ({ name, identity }: Command) => identity.scopes.length > 0 && !readOnly(name);
  return definePolicyFor<Command, CommandResult>("audited", (next: Service<Command, CommandResult>) => {
    return async function audited(command: Command, context: Context): Promise<CommandResult> {
      if (changesSomething(command)) await log.append(draft(command, "requested", null));
      let result: CommandResult;
      try {
        result = await next(command, context);
      } catch (error) {
        const denied =
          error instanceof CommandError && (error.kind === "unauthenticated" || error.kind === "forbidden");
        const reason = error instanceof Error ? error.message : String(error);
        await log.append(draft(command, denied ? "denied" : "failed", reason));
        throw error;
      }
      await log.append(draft(command, "done", null));
      return result;
    };
  });
}

/** The hash of an entry, which holds the one before: nothing can be changed, left out or moved unseen. */
export function chained(before: string, entry: Omit<AuditEntry, "hash">): Promise<string> {
  const { seq, at, command, id, identity, args, outcome, reason } = entry;
  return sha256(JSON.stringify([before, seq, at, command, id, identity, args, outcome, reason]));
}

/**
 * Whether the entries are whole and in order.
 *
 * @param entries oldest first
 * @param before the hash that the first of them follows
 */
export async function verify(entries: readonly AuditEntry[], before: string = genesis): Promise<boolean> {
  let last = before;
  let seq = entries[0]?.seq ?? 0;
  for (const entry of entries) {
    if (entry.seq !== seq++ || entry.hash !== (await chained(last, entry))) return false;
    last = entry.hash;
  }
  return true;
}

function drafted(command: Command, shown: unknown, outcome: AuditOutcome, reason: string | null): AuditDraft {
  const args = JSON.stringify(shown);
  // Half of a character is no text: a store would write down another one, and the chain would not hold.
  return {
    command: command.name.toWellFormed(),
    id: command.id.toWellFormed(),
    identity: command.identity.name.toWellFormed(),
    args: args.length > argumentsKept ? `${args.slice(0, argumentsKept).toWellFormed()}…` : args,
    outcome,
    reason: reason?.toWellFormed() ?? null,
  };
}
