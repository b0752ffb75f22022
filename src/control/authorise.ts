import type { Context } from "../core/context.ts";
import { definePolicyFor, type Policy, type Service } from "../core/policy.ts";
import { CommandError } from "./command-error.ts";
import type { Command, RegisteredCommand } from "./commands.ts";
import { allows } from "./tokens.ts";
import type { CommandResult } from "./wire.ts";

/**
 * Lets only those commands through that exist and that their sender may send.
 *
 * Who is nobody learns nothing, not even which commands there are.
 *
 * @throws CommandError: `unauthenticated`, `unknown-command` or `forbidden`
 */
export function authorised(
  commands: ReadonlyMap<string, Pick<RegisteredCommand, "scope">>,
): Policy<Command, CommandResult> {
  return definePolicyFor<Command, CommandResult>("authorised", (next: Service<Command, CommandResult>) => {
    return async function authorised(command: Command, context: Context): Promise<CommandResult> {
      const { identity, name } = command;
      if (identity.scopes.length === 0) {
        throw new CommandError("unauthenticated", "this needs a token that the server knows");
      }
      const registered = commands.get(name);
      if (registered === undefined) {
        const known = [...commands.keys()].sort().join(", ");
        throw new CommandError(
          "unknown-command",
          `there is no command ${JSON.stringify(name)}; there are ${known}`,
        );
      }
      if (!allows(identity, registered.scope)) {
        throw new CommandError(
          "forbidden",
          `${identity.name} may not send ${name}: it needs ${registered.scope}`,
        );
      }
      return next(command, context);
    };
  });
}
