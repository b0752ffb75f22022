import { version } from "../control/version.ts";
import { auditCommands } from "./audit.ts";
import { circuitCommands } from "./circuits.ts";
import { CliError, type Exit, exits } from "./cli-error.ts";
import type { CliCommand } from "./command.ts";
import { serverCommands } from "./commands.ts";
import { doctorCommands } from "./doctor.ts";
import { eventCommands } from "./events.ts";
import { followerCommands } from "./followers.ts";
import { Given, type OptionForms } from "./given.ts";
import { commonOptions, helpOf, overview } from "./help.ts";
import { policyCommands } from "./policies.ts";
import { Screen } from "./screen.ts";
import { Server } from "./server.ts";
import { topCommands } from "./top.ts";
import { unknownCommand } from "./unknown-command.ts";
import type { World } from "./world.ts";

/** All that the command line can do. */
export const commands: readonly CliCommand[] = [
  ...policyCommands,
  ...followerCommands,
  ...circuitCommands,
  ...eventCommands,
  ...topCommands,
  ...auditCommands,
  ...serverCommands,
  ...doctorCommands,
];

/** Where `wrangler dev` and the demo listen. */
const usualUrl = "http://localhost:8787";
const usualPatience = 10_000;

/** Does what a command line says, and tells how the process should end. Never rejects. */
export async function run(argv: readonly string[], world: World): Promise<Exit> {
  const forms: OptionForms = Object.assign({}, ...commands.map(({ options }) => options), commonOptions);
  const given = Given.read(argv, forms);
  const env = given.flag("no-color") ? { ...world.env, NO_COLOR: "1" } : world.env;
  const screen = new Screen(world.out, world.err, env, given.flag("json"));
  let command: CliCommand | undefined;
  try {
    command = named(given.words);
    if (command === undefined) {
      // First, since the value of an option that does not exist is taken for a word.
      given.check("ninelives", forms);
      screen.raw(pageFor(given));
      return exits.done;
    }
    const own = given.without(command.name.split(" ").length);
    own.check(command.name, { ...command.options, ...commonOptions });
    if (given.flag("version") || given.flag("help")) {
      screen.raw(given.flag("version") ? `${version}\n` : helpOf(command));
      return exits.done;
    }
    checkWords(command, own.words);
    const url = own.text("url") ?? (world.env.NINELIVES_URL || usualUrl);
    const token = await tokenOf(own, world);
    const server = new Server({ url, token, patience: own.span("timeout") ?? usualPatience }, world);
    return await command.run({ given: own, words: own.words, server, screen, world });
  } catch (error) {
    if (world.signal.aborted) return command?.endless ? exits.done : exits.interrupted;
    if (!(error instanceof CliError)) {
      screen.note(`ninelives failed, and should not have: ${(error as Error)?.stack ?? error}`, "red");
      return exits.failed;
    }
    screen.note(`ninelives: ${error.message}`, "red");
    if (error.hint !== undefined) screen.note(error.hint);
    return error.exit;
  }
}

function named(words: readonly string[]): CliCommand | undefined {
  return commands.find(({ name }) => {
    const wanted = name.split(" ");
    return wanted.every((word, index) => words[index] === word);
  });
}

/** What is shown where no command is named: the version, or help on all of them, on some, or on one. */
function pageFor(given: Given): string {
  const { words } = given;
  const about = words[0] === "help" ? words.slice(1) : words;
  const command = named(about);
  if (command !== undefined) return helpOf(command);
  const [topic] = about;
  const topics = commands.filter(({ name }) => topic === undefined || name.split(" ")[0] === topic);
  const asked = words[0] === "help" || given.flag("help") || given.flag("version");
  if (topics.length === 0 || about.length > 1 || (topic !== undefined && !asked))
    throw unknownCommand(about, commands);
  return given.flag("version") ? `${version}\n` : overview(topics);
}

function checkWords({ name, words: form = "" }: CliCommand, words: readonly string[]): void {
  const all = form === "" ? [] : form.split(" ");
  const missing = all.filter((word) => word.startsWith("<"))[words.length];
  if (missing !== undefined)
    throw new CliError(exits.usage, `${name} needs ${missing}`, `ninelives ${name} ${form}`);
  const extra = words[all.length];
  if (extra === undefined || all.at(-1)?.endsWith("…>")) return;
  const hint =
    form === "" ? "it takes no words" : `a text with spaces needs quotes: ninelives ${name} ${form}`;
  throw new CliError(exits.usage, `${name} does not know what to do with ${JSON.stringify(extra)}`, hint);
}

/** Never from the command line itself, which others on the machine can read. */
async function tokenOf(given: Given, world: World): Promise<string | undefined> {
  const file = given.text("token-file");
  const token = (file === undefined ? (world.env.NINELIVES_TOKEN ?? "") : await world.read(file)).trim();
  const from = file === undefined ? "NINELIVES_TOKEN" : `--token-file ${file}`;
  if (token === "" && file === undefined) return undefined;
  if (/^[\w.~+/=-]+$/.test(token)) return token;
  throw new CliError(exits.usage, `${from} holds no token: that is one word of letters, digits and -._~+/=`);
}
