import { CliError, exits } from "./cli-error.ts";
import type { CliCommand } from "./command.ts";
import { meant, nearest } from "./nearest.ts";

/** What is said to words that are no command: those that there are, and the one that was probably meant. */
export function unknownCommand(words: readonly string[], commands: readonly CliCommand[]): CliError {
  const [first = "", second] = words;
  const topics = new Map<string, string[]>();
  for (const { name } of commands) {
    const [topic = "", verb] = name.split(" ");
    topics.set(topic, [...(topics.get(topic) ?? []), ...(verb === undefined ? [] : [verb])]);
  }
  const verbs = topics.get(first);
  if (verbs !== undefined) {
    const hint = `there are ${verbs.map((verb) => `${first} ${verb}`).join(", ")}`;
    if (second === undefined) return new CliError(exits.usage, `${first} needs one more word`, hint);
    const near = nearest(second, verbs);
    return unknown(`${first} ${second}`, near && `${first} ${near}`, hint);
  }
  const topic = nearest(first, [...topics.keys()]);
  const near = topic === undefined ? of(first, commands) : whole(topic, second, topics.get(topic) ?? []);
  return unknown(first, near, `there are ${[...topics.keys()].join(", ")}`);
}

function unknown(typed: string, near: string | undefined, hint: string): CliError {
  return new CliError(exits.usage, `there is no command ${JSON.stringify(typed)}${meant(near)}`, hint);
}

function whole(topic: string, second: string | undefined, verbs: readonly string[]): string {
  const verb = second && nearest(second, verbs);
  return verb ? `${topic} ${verb}` : topic;
}

/** The one command whose second word was typed alone. */
function of(verb: string, commands: readonly CliCommand[]): string | undefined {
  const found = commands.filter(({ name }) => name.split(" ")[1] === verb);
  return found.length === 1 ? found[0]?.name : undefined;
}
