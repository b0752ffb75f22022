import type { EndedOverride } from "../control/document-history.ts";
import type { DocumentChanged } from "../control/documents.ts";
import type { Difference } from "../control/parameters.ts";
import type { PolicyDocument } from "../control/wire.ts";
import { CliError, type Exit, exits } from "./cli-error.ts";
import type { Call, CliCommand } from "./command.ts";
import { moment, span } from "./figures.ts";
import { type OptionForms, wholeIn } from "./given.ts";
import type { Screen } from "./screen.ts";

interface DryRun {
  readonly dryRun: true;
  readonly applies: boolean;
  readonly version: number;
  readonly changes: readonly Difference[];
  readonly ends?: EndedOverride;
  readonly until?: number;
  readonly beneath?: string;
  readonly errors: readonly { readonly message: string }[];
}

const changing: OptionForms = {
  seen: { value: "<version>", help: "the version that you saw: another one in force is a conflict" },
  "dry-run": { help: "only tell what would change" },
};
const texted: OptionForms = {
  file: { value: "<path>", help: "read the text from a file, or from - for the input" },
};
const brief: OptionForms = { for: { value: "<time>", help: "take it back by itself after 15m, say" } };

export const policyCommands: readonly CliCommand[] = [
  {
    name: "policies list",
    summary: "List the policies in force.",
    examples: ["ninelives policies list", "ninelives policies list --json | jq .name"],
    run: async ({ server, screen }) => {
      const { policies } = await listed(server);
      if (screen.json) for (const policy of policies) screen.value(policy);
      else {
        screen.table(
          ["POLICY", "VERSION", "CHANGED", "BY", "TEXT"],
          policies.map(({ name, version, updatedAt, updatedBy, until, text }) => [
            { text: name, ink: "bold" },
            version,
            until === undefined ? moment(updatedAt) : { text: `until ${moment(until)}`, ink: "yellow" },
            updatedBy,
            text,
          ]),
        );
      }
      return exits.done;
    },
  },
  {
    name: "policies get",
    words: "<name> [version]",
    summary: "Show a policy, as it is or as it was.",
    examples: ["ninelives policies get prices", "ninelives policies get prices 3"],
    run: async ({ server, screen, words: [name, version] }) => {
      const document = await server.command<PolicyDocument & { readonly tree: unknown }>("policy.get", {
        name,
        version: version && wholeIn(version, "version"),
      });
      if (screen.json) screen.value(document);
      else screen.line(document.text);
      return exits.done;
    },
  },
  {
    name: "policies history",
    words: "<name>",
    summary: "List the versions that are kept, newest first.",
    examples: ["ninelives policies history prices"],
    run: async ({ server, screen, words: [name] }) => {
      const versions = await server.command<readonly PolicyDocument[]>("policy.history", { name });
      if (screen.json) for (const version of versions) screen.value(version);
      else {
        screen.table(
          ["VERSION", "CHANGED", "BY", "TEXT"],
          versions.map(({ version, updatedAt, updatedBy, text }) => [
            version,
            moment(updatedAt),
            updatedBy,
            text,
          ]),
        );
      }
      return exits.done;
    },
  },
  {
    name: "policies set",
    words: "<name> [text]",
    summary: "Replace a policy, while it runs.",
    details: "Without --seen it replaces the version that is in force when it looks, just before.",
    options: { ...texted, ...changing, ...brief },
    examples: [
      'ninelives policies set prices "retry(5) + timeout(1s)"',
      "ninelives policies set prices --file prices.policy --seen 3",
    ],
    run: async (call) =>
      change(call, "policy.set", { text: await textOf(call), expiresIn: call.given.span("for") }),
  },
  {
    name: "policies update",
    words: "<name> <path=value…>",
    summary: "Change some values of a policy, and leave the rest as it is.",
    details:
      "The paths are those of `policies diff`, such as retry.attempts; one without a value goes back to its default.\n" +
      "All change at once, and without --seen relative to whatever is in force.",
    options: { ...changing, ...brief },
    examples: [
      "ninelives policies update prices retry.attempts=5 timeout.after=2s",
      "ninelives policies update prices retry.attempts= --for 15m",
    ],
    run: async (call) => {
      const { server, screen, words, given, world } = call;
      const [name, ...pairs] = words;
      const outcome = await server.command<DocumentChanged | DryRun>("policy.update", {
        name,
        changes: Object.fromEntries(pairs.map(pairOf)),
        version: given.whole("seen"),
        expiresIn: given.span("for"),
        dryRun: given.flag("dry-run") || undefined,
      });
      return tellOutcome(screen, name, outcome, world.clock.wall());
    },
  },
  {
    name: "policies override",
    words: "<name> [text]",
    summary: "Replace a policy for a while: it takes itself back.",
    options: { ...brief, ...texted, ...changing },
    examples: ['ninelives policies override prices "retry(1) + timeout(1s)" --for 15m'],
    run: async (call) => {
      const expiresIn = call.given.span("for");
      if (expiresIn === undefined)
        throw new CliError(exits.usage, "policies override needs --for, such as --for 15m");
      return change(call, "policy.set", { text: await textOf(call), expiresIn });
    },
  },
  {
    name: "policies dry-run",
    words: "<name> [text]",
    summary: "Tell what a text would change, and whether it would do.",
    details: "It ends with 1 where it would not.",
    options: { ...texted, ...changing },
    examples: ['ninelives policies dry-run prices "retry(5) + timeout(1s)"'],
    run: async (call) => change(call, "policy.set", { text: await textOf(call), dryRun: true }),
  },
  {
    name: "policies rollback",
    words: "<name> <version>",
    summary: "Put a version that is kept in force again, as a new one.",
    options: { ...changing, ...brief },
    examples: ["ninelives policies rollback prices 3"],
    run: (call) =>
      change(call, "policy.rollback", {
        to: wholeIn(call.words[1] ?? "", "version"),
        expiresIn: call.given.span("for"),
      }),
  },
  {
    name: "policies diff",
    words: "<name> [from] [to]",
    summary: "Compare two versions by the paths of their parameters.",
    details: "Without versions it shows the last change; without the second, all changes since the first.",
    examples: ["ninelives policies diff prices", "ninelives policies diff prices 2 5"],
    run: async ({ server, screen, words: [name, from, to] }) => {
      const first = from === undefined ? await beforeLast(server, name) : wholeIn(from, "from");
      const diff = await server.command<{
        readonly from: PolicyDocument;
        readonly to: PolicyDocument;
        readonly changes: readonly Difference[];
      }>("policy.diff", { name, from: first, to: to && wholeIn(to, "to") });
      if (screen.json) screen.value(diff);
      else {
        screen.line({ text: `${name}: version ${diff.from.version} to ${diff.to.version}`, ink: "bold" });
        tellChanges(screen, diff.changes);
      }
      return exits.done;
    },
  },
];

/** By the route for readers, or by the command for a token that is bound to some policies. */
async function listed(server: Call["server"]): Promise<{ readonly policies: readonly PolicyDocument[] }> {
  try {
    return await server.get("/v1/policies");
  } catch (error) {
    if (!(error instanceof CliError) || error.exit !== exits.denied || !server.known) throw error;
    return { policies: await server.command("policy.list", {}) };
  }
}

async function beforeLast(server: Call["server"], name: string | undefined): Promise<number> {
  const [last, before] = await server.command<readonly PolicyDocument[]>("policy.history", { name });
  if (before !== undefined) return before.version;
  throw new CliError(exits.failed, `${name} has one version alone: ${last?.version}`);
}

async function textOf({ words: [, text], given, world }: Call): Promise<string> {
  const file = given.text("file");
  if ((text === undefined) === (file === undefined)) {
    throw new CliError(exits.usage, "the policy's text is needed, as a word or by --file, and not both");
  }
  return (text ?? (await world.read(file as string))).trim();
}

async function change(
  { server, screen, words: [name], given, world }: Call,
  command: string,
  args: Readonly<Record<string, unknown>>,
): Promise<Exit> {
  const version =
    given.whole("seen") ?? (await server.command<PolicyDocument>("policy.get", { name })).version;
  const dryRun = args.dryRun === true || given.flag("dry-run") || undefined;
  const outcome = await server.command<DocumentChanged | DryRun>(command, { name, version, ...args, dryRun });
  return tellOutcome(screen, name, outcome, world.clock.wall());
}

function pairOf(pair: string): [string, string | null] {
  const at = pair.indexOf("=");
  if (at < 1)
    throw new CliError(
      exits.usage,
      `a change must be one such as retry.attempts=5, but is ${JSON.stringify(pair)}`,
    );
  return [pair.slice(0, at), pair.slice(at + 1) || null];
}

function tellOutcome(
  screen: Screen,
  name: string | undefined,
  outcome: DocumentChanged | DryRun,
  now: number,
): Exit {
  const applies = !("dryRun" in outcome) || outcome.applies;
  if (screen.json) screen.value(outcome);
  else if ("dryRun" in outcome) {
    for (const { message } of outcome.errors)
      screen.line({ text: "it would be refused:", ink: "red" }, message);
    if (applies) screen.line(`${name}: version ${outcome.version} would become ${outcome.version + 1}`);
    if (applies) tellChanges(screen, outcome.changes);
    const { ends, until, beneath } = outcome;
    if (ends !== undefined) screen.line(`it would end ${overrideIn(ends, now)}`);
    if (until !== undefined && beneath !== undefined)
      screen.line(
        `the override holds on for ${span(until - now)}, and what comes back after it is changed too: ${beneath}`,
      );
  } else {
    const { until, text, beneath, ends } = outcome;
    const held = until === undefined ? "" : `, for ${span(until - now)}`;
    screen.line({ text: `${name}: version ${outcome.version} is in force${held}`, ink: "green" });
    screen.line(text);
    if (ends !== undefined) screen.line(`it ended ${overrideIn(ends, now)}`);
    // What an override covers is in what it says itself only where it has been changed with it.
    if (beneath?.version === outcome.version) screen.line(`after it comes back: ${beneath.text}`);
  }
  return applies ? exits.done : exits.failed;
}

function overrideIn({ version, until }: EndedOverride, now: number): string {
  return `the override of version ${version}, which had ${span(until - now)} to go`;
}

function tellChanges(screen: Screen, changes: readonly Difference[]): void {
  if (changes.length === 0) screen.line("no parameter changes");
  // With other policies the one that a value would belong to may be missing too.
  const missing = changes.some(({ path }) => path === "structure") ? null : "by default";
  for (const { path, ...change } of changes) {
    const [before, after] = [change.before ?? missing, change.after ?? missing];
    if (before !== null) screen.line({ text: `- ${path}: ${before}`, ink: "red" });
    if (after !== null) screen.line({ text: `+ ${path}: ${after}`, ink: "green" });
  }
}
