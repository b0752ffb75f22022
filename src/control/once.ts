import type { Context } from "../core/context.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import { CommandError } from "./command-error.ts";
import type { Command } from "./commands.ts";
import type { CommandResult } from "./wire.ts";

/** What is known of a command's id: nothing yet, so that it is this sender's now; that it is under way; its result. */
export type Claim =
  | { readonly state: "claimed" }
  | { readonly state: "busy" }
  | { readonly state: "done"; readonly result: CommandResult };

/** Where the results of commands are kept for a while, by who sent them and their id. */
export interface ResultStore {
  /** Claims an id, at once or not at all: of many that ask, one gets it. */
  claim(identity: string, id: string): Promise<Claim>;
  /** Ends a claim with its result. */
  keepResult(identity: string, result: CommandResult): Promise<void>;
  /** Ends a claim without one: the command failed and may be sent again under its id. */
  release(identity: string, id: string): Promise<void>;
}

/**
 * Does a command of the same id once: sent again, it gets the same result. One that changes nothing is done each time.
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
      const claim = await results.claim(identity.name, id);
      if (claim.state === "busy") throw new CommandError("conflict", `the command ${id} is under way`);
      if (claim.state === "done") {
        if (claim.result.name === name) return claim.result;
        throw new CommandError("conflict", `the id ${id} was that of a ${claim.result.name}`);
      }
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
