import { longestName } from "../core/longest-name.ts";
import { CommandError } from "./command-error.ts";
import { defineCommand, type RegisteredCommand } from "./commands.ts";
import { inForce } from "./document-history.ts";
import { differencesSchema, documentSchema, historySchema, outcomeSchema } from "./document-schemas.ts";
import { documentUpdates } from "./document-update.ts";
import {
  changeDocument,
  changesIn,
  configuredOf,
  type DocumentPlane,
  historyOf,
  mayChange,
  policyDocuments,
  treeIn,
  versionOf,
} from "./documents.ts";
import { parameterValue } from "./parameter-value.ts";
import { treeText } from "./policy-tree.ts";
import { flag, json, nullable, object, optional, record, span, text, wholeNumber } from "./schema.ts";
import { reaches } from "./tokens.ts";

const name = text({ most: longestName, description: "the policy's, which is its upstream's" });
const version = wholeNumber({ description: "the version that you saw; another one is a conflict" });
const kept = (description: string) => wholeNumber({ description });
const dryRun = optional(flag("only tells what would change"));
const expiresIn = optional(span("after which the change takes itself back"));

/** List, get, set, update, roll back, compare: policies as documents with versions. */
export function documentCommands(plane: DocumentPlane): RegisteredCommand[] {
  const update = documentUpdates(plane);
  return [
    defineCommand({
      name: "policy.list",
      description: "Lists the policies in force.",
      readOnly: true,
      input: object({}),
      output: { type: "array", items: documentSchema },
      touches: "each",
      run: async (_, { identity }) =>
        (await policyDocuments(plane)).filter(({ name }) => reaches(identity, name)),
    }),
    defineCommand({
      name: "policy.get",
      description: "Gives a policy as text and as a tree, in force now or in a version that is kept.",
      readOnly: true,
      input: object({ name, version: optional(kept("the one in force without it")) }),
      output: documentSchema,
      touches: ({ name }) => name,
      run: async ({ name, version }) => {
        const history = await historyOf(plane, name);
        const found = versionOf(history, version ?? inForce(history).version);
        return { ...found, tree: treeIn(configuredOf(plane, name), found.text) };
      },
    }),
    defineCommand({
      name: "policy.set",
      description: "Replaces a policy, for good or for a while, or tells what that would change.",
      input: object({
        name,
        version,
        text: optional(text({ description: "the policy as text; this or the tree" })),
        tree: optional(json("the policy as policy.get gives its tree", { type: "object" })),
        expiresIn,
        dryRun,
      }),
      output: outcomeSchema,
      touches: ({ name }) => name,
      run: async ({ text, tree, ...change }, { identity }) => {
        if ((text === undefined) === (tree === undefined)) {
          throw new CommandError("invalid-arguments", "text must be given, or tree, and not both");
        }
        mayChange(plane, change.name, identity);
        const written = () => (configuredOf(plane, change.name).json ? JSON.stringify(tree) : treeText(tree));
        const given = text === undefined ? { text: written(), argument: "tree" } : { text, argument: "text" };
        return changeDocument(plane, { ...change, ...given, by: identity.name });
      },
    }),
    defineCommand({
      name: "policy.update",
      description:
        "Changes some values of a policy and leaves the rest as it is, as one new version, or tells what that would change.",
      input: object({
        name,
        changes: record(nullable(parameterValue), {
          description:
            'new values by path, such as { "retry.attempts": 5, "timeout#2.after": "1s" }; null for the default',
        }),
        version: optional(
          wholeNumber({ description: "the version that you saw; without it, whichever is in force" }),
        ),
        expiresIn,
        dryRun,
      }),
      output: outcomeSchema,
      touches: ({ name }) => name,
      run: async (change, { identity }) => {
        mayChange(plane, change.name, identity);
        return update({ ...change, by: identity.name, argument: "changes" });
      },
    }),
    defineCommand({
      name: "policy.history",
      description: "Lists the versions of a policy that are kept, newest first.",
      readOnly: true,
      input: object({ name }),
      output: historySchema,
      touches: ({ name }) => name,
      run: async ({ name }) => (await historyOf(plane, name)).toReversed(),
    }),
    defineCommand({
      name: "policy.rollback",
      description: "Puts an earlier version in force again, as a new one.",
      input: object({ name, version, to: kept("the version to go back to"), expiresIn, dryRun }),
      output: outcomeSchema,
      touches: ({ name }) => name,
      run: async ({ to, ...change }, { identity }) => {
        mayChange(plane, change.name, identity);
        const { text } = versionOf(await historyOf(plane, change.name), to);
        return changeDocument(plane, { ...change, text, by: identity.name, argument: "to" });
      },
    }),
    defineCommand({
      name: "policy.diff",
      description: "Compares two versions of a policy, by the paths of its parameters.",
      readOnly: true,
      input: object({ name, from: kept("a version"), to: optional(kept("the one in force without it")) }),
      output: {
        type: "object",
        required: ["name", "from", "to", "changes"],
        properties: {
          name: { type: "string" },
          from: documentSchema,
          to: documentSchema,
          changes: differencesSchema,
        },
      },
      touches: ({ name }) => name,
      run: async ({ name, from, to }) => {
        const history = await historyOf(plane, name);
        const one = versionOf(history, from);
        const other = versionOf(history, to ?? inForce(history).version);
        const changes = changesIn(configuredOf(plane, name), one.text, other.text);
        return { name, from: one, to: other, changes };
      },
    }),
  ];
}
