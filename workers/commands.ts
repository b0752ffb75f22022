import { type CommandServiceOptions, commandService, type RegisteredCommand } from "ninelives/control";
import { auditCommands } from "./audit-commands.ts";
import { circuitCommands } from "./circuit-commands.ts";
import { documentCommands } from "./document-commands.ts";
import type { Env } from "./env.ts";
import { parameterCommands } from "./parameter-commands.ts";
import { snapshotCommands } from "./snapshot-commands.ts";
import { stateCommands } from "./state-commands.ts";

/** Sends commands to the control plane of an environment. */
export function commandsOf(env: Env): ReturnType<typeof commandService> {
  const control = env.CONTROL.getByName("control");
  const results: CommandServiceOptions["results"] = {
    claim: (identity, id) => control.claim(identity, id),
    release: (identity, id) => control.release(identity, id),
    keepResult: (identity, result) => control.keepResult(identity, result),
  };
  return commandService({
    commands: definitions(env),
    audit: { append: (draft) => control.append(draft) },
    results,
  });
}

/** The commands that this Worker knows. */
export function definitions(env: Env): RegisteredCommand[] {
  return [
    ...documentCommands(env),
    ...parameterCommands(env),
    ...circuitCommands(env),
    ...stateCommands(env),
    ...snapshotCommands(env),
    ...auditCommands(env),
  ];
}
