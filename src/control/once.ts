import type { Context } from "../core/context.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import type { Command } from "./commands.ts";
import type { CommandResult } from "./wire.ts";

/** Where the results of commands are kept for a while, by who sent them and their id. */
export interface ResultStore {
  result(identity: string, id: string): Promise<CommandResult | undefined>;
  keepResult(identity: string, result: CommandResult): Promise<void>;
}

/** Does a command of the same id once: sent again, it gets the same result. */
export function once(results: ResultStore): Policy<Command, CommandResult> {
  return definePolicyFor<Command, CommandResult>("once", (next: Service<Command, CommandResult>) => {
    return async function once(command: Command, context: Context): Promise<CommandResult> {
      const { identity, id, name } = command;
      const before = await results.result(identity.name, id);
      if (before?.name === name) return before;
      const result = await next(command, context);
      await results.keepResult(identity.name, result);
      return result;
    };
  });
}
