import { CliError, exits } from "./cli-error.ts";
import type { Call, CliCommand } from "./command.ts";
import { printable } from "./screen.ts";

/** What the server's OpenAPI document says of a command. */
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly requestBody: { readonly content: { readonly "application/json": { readonly schema: Input } } };
}

interface Input {
  readonly properties?: Readonly<Record<string, object>>;
  readonly required?: readonly string[];
}

interface Api {
  readonly paths: Readonly<Record<string, { readonly post?: Operation }>>;
}

const path = "/v1/commands/";

/** Those of the server as it is, with commands that its owner added. */
export const serverCommands: readonly CliCommand[] = [
  {
    name: "commands list",
    summary: "List the commands that the server knows, its owner's own too.",
    examples: [
      "ninelives commands list",
      "ninelives commands list --json | jq 'select(.name == \"policy.set\")'",
    ],
    run: async ({ server, screen }) => {
      const { paths } = await server.get<Api>("/v1/openapi.json");
      const known = Object.entries(paths).flatMap(([at, { post }]) =>
        at.startsWith(path) && post !== undefined ? [post] : [],
      );
      if (screen.json) {
        for (const { operationId: name, summary, description, requestBody } of known)
          screen.value({ name, summary, description, input: requestBody.content["application/json"].schema });
      } else {
        screen.table(
          ["COMMAND", "ARGUMENTS", "WHAT"],
          known.map(({ operationId, summary, requestBody }) => [
            { text: operationId, ink: "bold" },
            shortly(requestBody.content["application/json"].schema),
            summary,
          ]),
        );
      }
      return exits.done;
    },
  },
  {
    name: "commands run",
    words: "<name>",
    summary: "Send any command, and show its result as JSON.",
    options: {
      arg: {
        value: "<name>=<text>",
        help: "an argument; <name>:=<json> for what is no text. May be given again",
      },
      args: { value: "<path>", help: "read arguments from a file of JSON, or from - for the input" },
      id: { value: "<id>", help: "what was done under this id is not done again. Default a new one" },
    },
    examples: [
      "ninelives commands run cache.drain --arg region=eu",
      "ninelives commands run parameter.write --arg path=prices/retry.attempts --arg value:=5",
    ],
    run: async (call) => {
      const { server, screen, words, given } = call;
      const [name = ""] = words;
      if (!/^[A-Za-z][\w.-]{0,99}$/.test(name))
        throw new CliError(
          exits.usage,
          `<name> must be one such as policy.list, but is ${JSON.stringify(name)}`,
        );
      const value = await server.command<unknown>(name, await argumentsOf(call), given.text("id"));
      if (screen.json) screen.value(value);
      else screen.raw(`${printable(JSON.stringify(value, undefined, 2) ?? "done", true)}\n`);
      return exits.done;
    },
  },
];

/** The names of what it takes, those in brackets that may be left out. */
function shortly({ properties = {}, required = [] }: Input): string {
  return Object.keys(properties)
    .map((name) => (required.includes(name) ? name : `[${name}]`))
    .join(" ");
}

async function argumentsOf({ given, world }: Call): Promise<Readonly<Record<string, unknown>>> {
  const file = given.text("args");
  const read = file === undefined ? {} : parsed(await world.read(file), `--args ${file}`);
  if (typeof read !== "object" || read === null || Array.isArray(read))
    throw new CliError(exits.usage, `--args ${file} must hold a JSON object`);
  return { ...read, ...Object.fromEntries(given.texts("arg").map(argument)) };
}

function argument(text: string): [string, unknown] {
  const [, name, colon, value] = /^([A-Za-z]\w*)(:?)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new CliError(
      exits.usage,
      `--arg must be one such as region=eu or count:=3, but is ${JSON.stringify(text)}`,
    );
  return [name, colon === ":" ? parsed(value, `--arg ${name}`) : value];
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CliError(exits.usage, `${what} is no JSON`);
  }
}
