import type { SystemState } from "../observer/system-state.ts";
import { CliError, exits } from "./cli-error.ts";
import type { CliCommand } from "./command.ts";
import { moment } from "./figures.ts";

/** Who goes by the documents, as the observer was told: the gateway's isolates, processes, pages. */
export const followerCommands: readonly CliCommand[] = [
  {
    name: "policies followers",
    words: "[name]",
    summary: "Show which version of a document is in force, and who refuses one, and why.",
    details:
      "It ends with 1 where somebody does. Processes and pages tell so when their documentFollower has a sink.",
    examples: ["ninelives policies followers", "ninelives policies followers prices --json"],
    run: async ({ server, screen, words: [name] }) => {
      const { policies } = await server.get<SystemState>("/v1/state");
      const told = policies.flatMap(({ policy, document }) =>
        document === undefined || (name !== undefined && policy !== name) ? [] : [{ policy, ...document }],
      );
      if (name !== undefined && told.length === 0)
        throw new CliError(exits.failed, `nobody told of a document of ${name}`);
      if (screen.json) for (const each of told) screen.value(each);
      else {
        screen.table(
          ["POLICY", "IN FORCE", "FOLLOWERS", "REFUSED", "BY", "AT", "WHY"],
          told.flatMap(({ policy, version, followers, refused }) =>
            (refused.length === 0 ? [undefined] : refused).map((refusal) => [
              { text: policy, ink: "bold" as const },
              version,
              followers,
              refusal && { text: String(refusal.version), ink: "red" as const },
              refusal?.source,
              refusal && moment(refusal.at),
              refusal?.reason,
            ]),
          ),
        );
      }
      return told.every(({ refused }) => refused.length === 0) ? exits.done : exits.failed;
    },
  },
];
