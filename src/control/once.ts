import type { Context } from "../core/context.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import { CommandError } from "./command-error.ts";
import type { Command } from "./commands.ts";
import { sha256 } from "./tokens.ts";
import type { CommandResult } from "./wire.ts";

/**
 * What is known of a command's id: nothing yet, so that it is this sender's now; that it is under way; its result.
 *
 * `asked` is what the first one that bore it was claimed with.
 */
export type Claim =
  | { readonly state: "claimed" }
  | { readonly state: "busy"; readonly asked: string }
  | { readonly state: "done"; readonly asked: string; readonly result: CommandResult };

/** Where the results of commands are kept for a while, by who sent them and their id. */
export interface ResultStore {
  /**
   * Claims an id, at once or not at all: of many that ask, one gets it.
   *
   * @param asked a hash of the command, to be kept as long as the id is
   */
  claim(identity: string, id: string, asked: string): Promise<Claim>;
  /** Ends a claim with its result. */
  keepResult(identity: string, result: CommandResult): Promise<void>;
  /** Ends a claim without one: the command failed and may be sent again under its id. */
  release(identity: string, id: string): Promise<void>;
}

/**
 * Does a command of the same id once: sent again, it gets the same result. One that changes nothing is done each time.
 *
 * The same command has the same name and arguments, whatever the order of their keys, by somebody who may touch the same.
 *
 * @throws CommandError of the kind `conflict` while it is under way, and for an id that another command bore
 */
export function once(
  results: ResultStore,
  readOnly: (name: string) => boolean = () => false,
): Policy<Command, CommandResult> {
  return definePolicyFor<Command, CommandResult>("once", (next: Service<Command, CommandResult>) => {
    return async function once(command: Command, context: Context): Promise<CommandResult> {
      const { identity, id, name } = command;
      if (readOnly(name)) return next(command, context);
      const asked = await hashOf(command);
      const claim = await results.claim(identity.name, id, asked);
      if (claim.state !== "claimed" && claim.asked !== asked) {
        const other = claim.state === "done" && claim.result.name !== name ? ` of ${claim.result.name}` : "";
        const message = `the id ${id} was that of another command${other}, or of one with other arguments`;
        throw new CommandError("conflict", message);
      }
      if (claim.state === "busy") throw new CommandError("conflict", `the command ${id} is under way`);
      if (claim.state === "done") return claim.result;
      let result: CommandResult;
      try {
        result = await next(command, context);
      } catch (error) {
        await results.release(identity.name, id);
        throw error;
      }
      await results.keepResult(identity.name, result);
      return result;
    };
  });
}

function hashOf({ name, args, identity }: Command): Promise<string> {
  return sha256(JSON.stringify([name, args, identity.policies ?? "*"], sorted));
}

/** A replacer that has the keys of every object in order. */
function sorted(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}
