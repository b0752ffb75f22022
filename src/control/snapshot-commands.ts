import { CommandError } from "./command-error.ts";
import { defineCommand, type RegisteredCommand } from "./commands.ts";
import { configured, type DocumentHistory, versionsKept } from "./document-history.ts";
import { historySchema } from "./document-schemas.ts";
import { configuredOf, type DocumentPlane, invalidText } from "./documents.ts";
import { list, nullable, object, optional, text, wholeNumber } from "./schema.ts";

const formatVersion = 1;
const moment = () => wholeNumber({ description: "milliseconds since 1970" });
const author = text({ most: 300 });

const versions = list(
  object({
    name: text({ most: 100 }),
    text: text(),
    version: wholeNumber(),
    updatedAt: nullable(moment()),
    updatedBy: nullable(author),
    until: optional(moment()),
    beneath: optional(object({ version: wholeNumber(), text: text() })),
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
        "Puts what a file from control.snapshot has in the place of all. Nothing changes unless all documents will do.",
      input: object({
        format: wholeNumber({ least: formatVersion, most: formatVersion }),
        documents: list(versions),
        circuits: optional(
          list(text({ most: 200, description: "those to hold open; left as they are without it" })),
        ),
      }),
      output: {
        type: "object",
        required: ["restored"],
        properties: { restored: { type: "integer" } },
      },
      run: async ({ documents, circuits: held }) => {
        for (const history of documents) {
          if (history.length === 0)
            throw new CommandError("invalid-arguments", "documents must have versions");
          const name = history[0]?.name ?? "";
          if (plane.mayCome?.(name) !== true) configuredOf(plane, name);
          if (!inOrder(history)) {
            throw new CommandError("invalid-arguments", `${name}: versions must be in order and of one name`);
          }
          try {
            plane.check(name, history.at(-1)?.text ?? "");
          } catch (error) {
            throw invalidText(error);
          }
        }
        const histories = documents as unknown as readonly DocumentHistory[];
        const originals = plane.policies().map(({ name, text }) => configured(name, text));
        const restored = await plane.store.restore(histories, originals);
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
        return { restored: restored.length };
      },
    }),
  ];
}

function inOrder(history: readonly { readonly name: string; readonly version: number }[]): boolean {
  return history.every(
    (each, index) => each.name === history[0]?.name && each.version > (history[index - 1]?.version ?? -1),
  );
}
