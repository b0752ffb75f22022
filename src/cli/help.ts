import { version } from "../control/version.ts";
import { exits } from "./cli-error.ts";
import type { CliCommand } from "./command.ts";
import type { OptionForms } from "./given.ts";

/** The options that every command has. */
export const commonOptions = {
  url: { value: "<url>", help: "the server. Default NINELIVES_URL, or http://localhost:8787" },
  "token-file": {
    value: "<path>",
    help: "a file that holds the token, or - for the input. Default NINELIVES_TOKEN",
  },
  json: { help: "JSON for programs: a line for each entry" },
  timeout: { value: "<time>", help: "how long one answer may take. Default 10s" },
  "no-color": { help: "no colours; nor are there any with NO_COLOR, or in a pipe" },
  help: { short: "h", help: "show this" },
  version: { short: "v", help: "show the version" },
} as const satisfies OptionForms;

const exitWords: Readonly<Record<keyof typeof exits, string>> = {
  done: "done",
  failed: "the server refused it, or a check did not pass",
  usage: "it was called wrongly, and nothing was sent",
  denied: "the token is missing, not known, or lacks the scope",
  unreachable: "there was no answer, or none of a Nine Lives",
  conflict: "somebody else changed it in the meantime",
  interrupted: "Ctrl-C",
};

/** What there is, in a page. */
export function overview(commands: readonly CliCommand[]): string {
  const codes = Object.entries(exits).map(([name, code]) => [
    String(code),
    exitWords[name as keyof typeof exits],
  ]);
  return [
    `ninelives ${version}: watch and steer a Nine Lives from a terminal`,
    "",
    "Usage: ninelives <command> [options]",
    "",
    "Commands:",
    ...columns(commands.map(({ name, words, summary }) => [words ? `${name} ${words}` : name, summary])),
    "",
    "Options:",
    ...optionLines(commonOptions),
    "",
    "It ends with",
    ...columns(codes),
    "",
    "`ninelives help <command>` and `ninelives <command> --help` show a command's own options, with examples.",
    "",
  ].join("\n");
}

/** All about one command. */
export function helpOf({ name, words, summary, details, options = {}, examples }: CliCommand): string {
  const own = optionLines(options);
  return [
    `Usage: ninelives ${words ? `${name} ${words}` : name}${own.length > 0 ? " [options]" : ""}`,
    "",
    summary,
    ...(details === undefined ? [] : [details]),
    ...(own.length > 0 ? ["", "Options:", ...own] : []),
    "",
    "Options of all commands:",
    ...optionLines(commonOptions),
    "",
    "Examples:",
    ...examples.map((example) => `  ${example}`),
    "",
  ].join("\n");
}

function optionLines(options: OptionForms): string[] {
  return columns(
    Object.entries(options).map(([name, { short, value, help }]) => [
      `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`,
      help,
    ]),
  );
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const width = Math.max(...rows.map(([first = ""]) => first.length));
  return rows.map(([first = "", second]) => `  ${first.padEnd(width)}  ${second}`);
}
