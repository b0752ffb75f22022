import { CommandError } from "./command-error.ts";
import { defineCommand, type RegisteredCommand } from "./commands.ts";
import { configured, type DocumentHistory, versionsKept } from "./document-history.ts";
import { historySchema } from "./document-schemas.ts";
import { configuredOf, type DocumentPlane, invalidText } from "./documents.ts";
import { list, object, optional, type Schema, text, wholeNumber } from "./schema.ts";

const formatVersion = 1;
const moment = () => wholeNumber({ description: "milliseconds since 1970" });
const author = text({ most: 300 });

const nullable = <T>(schema: Schema<T>): Schema<T | null> => ({
  json: { oneOf: [schema.json, { type: "null" }] },
  read: (value, path) => (value === null ? null : schema.read(value, path)),
});

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

/** The whole control plane as one file, out and in. */
export function snapshotCommands(plane: DocumentPlane): RegisteredCommand[] {
  return [
    defineCommand({
      name: "control.snapshot",
      description: "Gives all policy documents with their versions, as one file for control.restore.",
      readOnly: true,
      input: object({}),
      output: {
        type: "object",
        required: ["format", "documents"],
        properties: { format: { const: formatVersion }, documents: { type: "array", items: historySchema } },
      },
      run: async () => ({ format: formatVersion, documents: await plane.store.histories() }),
    }),
    defineCommand({
      name: "control.restore",
      description:
        "Puts the documents of a file from control.snapshot in the place of all. Nothing changes unless all will do.",
      input: object({
        format: wholeNumber({ least: formatVersion, most: formatVersion }),
        documents: list(versions),
      }),
      output: {
        type: "object",
        required: ["restored"],
        properties: { restored: { type: "integer" } },
      },
      run: async ({ documents }) => {
        for (const history of documents) {
          if (history.length === 0)
            throw new CommandError("invalid-arguments", "documents must have versions");
          const name = history[0]?.name ?? "";
          configuredOf(plane, name);
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
        await Promise.all(restored.map((document) => plane.apply(document)));
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
