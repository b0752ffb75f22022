import { genesis, verify } from "../control/audit.ts";
import type { AuditEntry } from "../control/wire.ts";
import { CliError, type Exit, exits } from "./cli-error.ts";
import type { CliCommand } from "./command.ts";
import { moment } from "./figures.ts";
import type { Ink, Screen } from "./screen.ts";
import type { Server } from "./server.ts";

interface Exported {
  readonly before: string;
  readonly entries: readonly AuditEntry[];
  readonly more: boolean;
}

const shownAtOnce = 20;
const inks: Readonly<Record<AuditEntry["outcome"], Ink>> = {
  requested: "dim",
  done: "green",
  denied: "red",
  failed: "yellow",
};

export const auditCommands: readonly CliCommand[] = [
  {
    name: "audit list",
    summary: "Show the newest entries of the audit log, newest first.",
    options: {
      last: { value: "<count>", help: `how many, at most 500. Default ${shownAtOnce}` },
      outcome: { value: "<outcome>", help: `only what came to this: ${Object.keys(inks).join(", ")}` },
    },
    examples: ["ninelives audit list --outcome denied", "ninelives audit list --last 500 --json"],
    run: async ({ server, screen, given }) => {
      const outcome = given.oneOf("outcome", Object.keys(inks) as AuditEntry["outcome"][]);
      const last = given.whole("last", 1) ?? shownAtOnce;
      const { entries, intact } = await server.get<{
        readonly entries: readonly AuditEntry[];
        readonly intact: boolean;
      }>("/v1/audit");
      const shown = entries
        .filter((each) => outcome === undefined || each.outcome === outcome)
        .slice(0, last);
      if (screen.json) for (const entry of shown) screen.value(entry);
      else {
        screen.table(
          ["SEQ", "TIME", "WHO", "COMMAND", "OUTCOME", "WHAT"],
          shown.map(({ seq, at, identity, command, outcome, args, reason }) => [
            seq,
            moment(at),
            identity,
            command,
            { text: outcome, ink: inks[outcome] },
            reason === null ? args : `${args} ${reason}`,
          ]),
        );
      }
      if (!intact) screen.note("the chain of these entries is broken: see `ninelives audit verify`", "red");
      return intact ? exits.done : exits.failed;
    },
  },
  {
    name: "audit export",
    summary: "Take the log out, a line of JSON for each entry, oldest first.",
    details: "The first line is the hash that the first entry follows: `audit verify --file` needs it.",
    options: { after: { value: "<seq>", help: "only entries after this one" } },
    examples: ["ninelives audit export > audit.ndjson", "ninelives audit export --after 4711 >> more.ndjson"],
    run: async ({ server, screen, given }) => {
      let first = true;
      for await (const { before, entries } of pages(server, given.whole("after") ?? 0)) {
        if (first) screen.value({ before });
        first = false;
        for (const entry of entries) screen.value(entry);
      }
      return exits.done;
    },
  },
  {
    name: "audit verify",
    summary: "Hash the whole log anew, and tell whether it is intact.",
    details:
      "It finds an entry that was changed, is missing or was moved. The entries are fetched and hashed here, or those of\n" +
      "a file are: the server's word is not needed.",
    options: { file: { value: "<path>", help: "verify what `audit export` wrote, or - for the input" } },
    examples: ["ninelives audit verify", "ninelives audit verify --file audit.ndjson"],
    run: async ({ server, screen, given, world }) => {
      const file = given.text("file");
      if (file !== undefined)
        return verdict(screen, await brokenIn(readExport(await world.read(file), file)));
      return verdict(screen, await brokenIn(pages(server, 0)));
    },
  },
];

async function* pages(server: Server, start: number): AsyncGenerator<Exported> {
  for (let after = start; ; ) {
    const page = await server.command<Exported>("audit.export", { after });
    yield page;
    const last = page.entries.at(-1);
    if (!page.more || last === undefined) return;
    after = last.seq;
  }
}

interface Verified {
  readonly intact: boolean;
  readonly entries: number;
  readonly from: number | null;
  readonly to: number | null;
  /** The first entry that does not follow the one before. */
  readonly broken: number | null;
}

async function brokenIn(pages: AsyncIterable<Exported> | Iterable<Exported>): Promise<Verified> {
  let entries = 0;
  let from: number | null = null;
  let last: AuditEntry | undefined;
  for await (const page of pages) {
    let before = last?.hash ?? page.before;
    for (const entry of page.entries) {
      from ??= entry.seq;
      const follows = last === undefined || entry.seq === last.seq + 1;
      if (!follows || !(await verify([entry], before))) {
        return { intact: false, entries, from, to: last?.seq ?? null, broken: entry.seq };
      }
      entries++;
      before = entry.hash;
      last = entry;
    }
  }
  return { intact: true, entries, from, to: last?.seq ?? null, broken: null };
}

function verdict(screen: Screen, verified: Verified): Exit {
  const { intact, entries, from, to, broken } = verified;
  if (screen.json) screen.value(verified);
  else if (entries === 0 && intact) screen.line("the log is empty");
  else if (intact) screen.line({ text: "intact:", ink: "green" }, `${entries} entries, ${from} to ${to}`);
  else screen.line({ text: "broken:", ink: "red" }, `entry ${broken} does not follow the one before it`);
  return intact ? exits.done : exits.failed;
}

function readExport(text: string, file: string): Exported[] {
  const [head, ...entries] = text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line, index) => {
      try {
        return JSON.parse(line) as unknown;
      } catch {
        throw new CliError(exits.usage, `--file ${file}: line ${index + 1} is no JSON`);
      }
    });
  const before = (head as Partial<Exported> | undefined)?.before;
  if (typeof before !== "string") {
    const wanted = JSON.stringify({ before: `${genesis.slice(0, 8)}…` });
    throw new CliError(
      exits.usage,
      `--file ${file} must begin with a line such as ${wanted}, as audit export writes it`,
    );
  }
  return [{ before, entries: entries as AuditEntry[], more: false }];
}
