import { defineCommand, object, optional, type RegisteredCommand, wholeNumber } from "ninelives/control";
import type { Env } from "./env.ts";
import { controlOf } from "./homes.ts";

const exported = 1_000;

/** Verifies the audit log, and takes it out. */
export function auditCommands(env: Env): RegisteredCommand[] {
  const control = () => controlOf(env);
  return [
    defineCommand({
      name: "audit.verify",
      description:
        "Hashes the whole log anew, and tells whether an entry was changed, is missing or is out of order.",
      readOnly: true,
      input: object({}),
      output: {
        type: "object",
        required: ["intact", "entries"],
        properties: { intact: { type: "boolean" }, entries: { type: "integer" } },
      },
      run: () => control().verify(),
    }),
    defineCommand({
      name: "audit.export",
      description: `Gives up to ${exported} entries, oldest first, with the hash that the first of them follows.`,
      readOnly: true,
      input: object({
        after: optional(wholeNumber({ description: "the seq of the last entry that you have" })),
        limit: optional(wholeNumber({ least: 1, most: exported })),
      }),
      output: {
        type: "object",
        required: ["before", "entries", "more"],
        properties: {
          before: { type: "string" },
          entries: { type: "array", items: { type: "object" } },
          more: { type: "boolean" },
        },
      },
      run: ({ after = 0, limit = exported }) => control().exported(after, limit),
    }),
  ];
}
