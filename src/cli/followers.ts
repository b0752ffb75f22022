import { isAbsent } from "../observer/shards.ts";
import type { SystemState } from "../observer/system-state.ts";
import { absentWords } from "./absent-words.ts";
import { CliError, exits } from "./cli-error.ts";
import type { CliCommand } from "./command.ts";
import { moment } from "./figures.ts";
import { unknown } from "./screen.ts";

/** Who goes by the documents, as the observer was told: the gateway's isolates, processes, pages. */
export const followerCommands: readonly CliCommand[] = [
  {
    name: "policies followers",
    words: "[name]",
    summary: "Show which version of a document is in force, and who refuses one, and why.",
    details:
      "It ends with 1 where somebody does, or where that is unknown since a shard of the observer does not answer. Of those\n" +
      "who follow, each counts as it told last. Processes and pages tell when their documentFollower has a sink.",
    examples: ["ninelives policies followers", "ninelives policies followers prices --json"],
    run: async ({ server, screen, words: [name] }) => {
      const { policies, absent } = await server.get<SystemState>("/v1/state");
      const told = policies.flatMap(({ policy, document }) =>
        document === undefined || (name !== undefined && policy !== name) ? [] : [{ policy, ...document }],
      );
      if (name !== undefined && told.length === 0) {
        const lost = absent !== undefined && isAbsent(name, absent);
        const why = lost ? absentWords(absent) : "nobody told of it";
        throw new CliError(exits.failed, `nothing is known of a document of ${name}: ${why}`);
      }
      if (screen.json) for (const each of told) screen.value(each);
      else if (told.length === 0 && absent === undefined)
        screen.note("nobody has told yet; isolates tell after the first change");
      else {
        screen.table(
          ["POLICY", "IN FORCE", "WITH", "REFUSED", "BY", "AT", "WHY"],
          told.flatMap(({ policy, version, current, followers, refused }) =>
            (refused.length === 0 ? [undefined] : refused).map((refusal) => [
              { text: policy, ink: "bold" as const },
              version,
              `${current ?? unknown} of ${followers}`,
              refusal && { text: String(refusal.version), ink: "red" as const },
              refusal?.source,
              refusal && moment(refusal.at),
              refusal?.reason,
            ]),
          ),
        );
      }
      const missing = name === undefined ? absent : undefined;
      if (missing !== undefined) screen.note(absentWords(missing), "yellow");
      const refused = told.some(({ refused }) => refused.length > 0);
      return refused || missing !== undefined ? exits.failed : exits.done;
    },
  },
];
