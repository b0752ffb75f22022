import { longestName } from "../core/longest-name.ts";
import { CommandError } from "./command-error.ts";
import { defineCommand, type RegisteredCommand } from "./commands.ts";
import { configured, type DocumentHistory, inForce, versionsKept } from "./document-history.ts";
import { historySchema } from "./document-schemas.ts";
import { type DocumentPlane, invalidText } from "./documents.ts";
import { list, nullable, object, optional, text, wholeNumber } from "./schema.ts";
import type { PolicyDocument } from "./wire.ts";

const formatVersion = 1;
const moment = () => wholeNumber({ description: "milliseconds since 1970" });
const author = text({ most: 300 });
/** Far below what a number can count to, since what is restored is counted on. */
const version = wholeNumber({ most: 2 ** 52 });

const versions = list(
  object({
    name: text({ most: longestName }),
    text: text(),
    version,
    updatedAt: nullable(moment()),
    updatedBy: nullable(author),
    until: optional(moment()),
    beneath: optional(object({ version, text: text() })),
  }),
  { most: versionsKept },
);

/** The circuits that somebody's hand holds open. */
export interface HeldCircuits {
  /** Their names. */
  held(): Promise<readonly string[]>;
  /** Opens these of the circuits that there are, and closes the others that are held. */
  hold(circuits: readonly string[]): Promise<void>;
}

const none: HeldCircuits = { held: async () => [], hold: async () => {} };

/**
 * The whole control plane as one file, out and in.
 *
 * @param circuits those that a hand may hold open, where the plane has some
 */
export function snapshotCommands(plane: DocumentPlane, circuits: HeldCircuits = none): RegisteredCommand[] {
  return [
    defineCommand({
      name: "control.snapshot",
      description:
        "Gives all policy documents with their versions, and which circuits are held open, as one file for control.restore.",
      readOnly: true,
      input: object({}),
      output: {
        type: "object",
        required: ["format", "documents", "circuits"],
        properties: {
          format: { const: formatVersion },
          documents: { type: "array", items: historySchema },
          circuits: { type: "array", items: { type: "string" } },
        },
      },
      run: async () => ({
        format: formatVersion,
        documents: await plane.store.histories(),
        circuits: await circuits.held(),
      }),
    }),
    defineCommand({
      name: "control.restore",
      description:
        "Puts what a file from control.snapshot has in the place of all. Nothing changes unless all documents will do; those of policies that there are no more are skipped.",
      input: object({
        format: wholeNumber({ least: formatVersion, most: formatVersion }),
        documents: list(versions),
        circuits: optional(
          list(text({ most: 200, description: "those to hold open; left as they are without it" })),
        ),
      }),
      output: {
        type: "object",
        required: ["restored", "skipped"],
        properties: {
          restored: { type: "integer" },
          skipped: {
            type: "array",
            items: { type: "string" },
            description: "the names of documents whose policies there are no more",
          },
        },
      },
      run: async ({ documents, circuits: held }) => {
        const histories = documents.map(read);
        const there = histories.filter(({ name }) => mayBe(plane, name));
        for (const { name, last } of there) checkLast(plane, name, last);
        const policies = plane.policies();
        // Of those that only other documents bring, the configuration says nothing.
        const coming = there.filter(({ name }) => policies.every((each) => each.name !== name));
        const originals = [...policies, ...coming.map(({ name }) => ({ name, text: "" }))];
        const restored = await plane.store.restore(
          there.map(({ history }) => history),
          originals.map(({ name, text }) => configured(name, text)),
        );
        // What makes others come to be goes first.
        const first = new Set(
          plane
            .policies()
            .filter(({ json }) => json)
            .map(({ name }) => name),
        );
        for (const isFirst of [true, false]) {
          const some = restored.filter(({ name }) => first.has(name) === isFirst);
          await Promise.all(some.map((document) => plane.apply(document)));
        }
        if (held !== undefined) await circuits.hold(held);
        const skipped = histories.filter((each) => !there.includes(each)).map(({ name }) => name);
        return { restored: restored.length, skipped };
      },
    }),
  ];
}

interface ReadHistory {
  readonly name: string;
  readonly history: DocumentHistory;
  readonly last: PolicyDocument;
}

/** @throws CommandError: `invalid-arguments` */
function read(versions: readonly object[]): ReadHistory {
  const [first, ...more] = versions as readonly PolicyDocument[];
  if (first === undefined) throw new CommandError("invalid-arguments", "documents must have versions");
  const history: DocumentHistory = [first, ...more];
  const { name } = first;
  if (
    !history.every((each, index) => each.name === name && each.version > (history[index - 1]?.version ?? -1))
  )
    throw new CommandError("invalid-arguments", `${name}: versions must be in order and of one name`);
  return { name, history, last: inForce(history) };
}

function mayBe(plane: DocumentPlane, name: string): boolean {
  return plane.mayCome?.(name) === true || plane.policies().some((each) => each.name === name);
}

/** Checks what would be in force, and what an override gives way to. @throws CommandError: `invalid-arguments` */
function checkLast(plane: DocumentPlane, name: string, { text, until, beneath }: PolicyDocument): void {
  if ((until === undefined) !== (beneath === undefined))
    throw new CommandError("invalid-arguments", `${name}: an override has both until and beneath`);
  for (const each of beneath === undefined ? [text] : [text, beneath.text]) {
    try {
      plane.check(name, each);
    } catch (error) {
      throw invalidText(error, "text");
    }
  }
}
