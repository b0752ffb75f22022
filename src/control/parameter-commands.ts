import { CommandError } from "./command-error.ts";
import { defineCommand, type RegisteredCommand } from "./commands.ts";
import { inForce } from "./document-history.ts";
import { outcomeSchema, parameterSchema } from "./document-schemas.ts";
import { documentUpdates } from "./document-update.ts";
import { type DocumentPlane, historyOf, parameterStates, parametersOf } from "./documents.ts";
import { parameterValue } from "./parameter-value.ts";
import { flag, object, optional, refuse, span, text, wholeNumber } from "./schema.ts";
import { reaches } from "./tokens.ts";

const path = text({
  most: 300,
  description: "such as prices/retry.attempts, or of the second retry prices/retry#2.attempts",
});

/** Reads and writes single values of policies by their paths. */
export function parameterCommands(plane: DocumentPlane): RegisteredCommand[] {
  const update = documentUpdates(plane);
  return [
    defineCommand({
      name: "parameter.list",
      description:
        "Lists all that may be set in policies, with what it may be: what their texts give, and their defaults.",
      readOnly: true,
      input: object({ prefix: optional(text({ most: 300, description: "what the paths begin with" })) }),
      output: { type: "array", items: parameterSchema },
      touches: "each",
      run: async ({ prefix = "" }, { identity }) =>
        (await parameterStates(plane, ({ name }) => reaches(identity, name))).filter((each) =>
          each.path.startsWith(prefix),
        ),
    }),
    defineCommand({
      name: "parameter.read",
      description: "Reads a value of a policy.",
      readOnly: true,
      input: object({ path }),
      output: parameterSchema,
      touches: ({ path }) => split(path).name,
      run: async ({ path }) => {
        const { name } = split(path);
        const { text, version } = inForce(await historyOf(plane, name));
        const all = parametersOf({ name, text, version });
        const found = all.find((each) => each.path === path);
        if (found !== undefined) return found;
        const known = all.map((each) => each.path).join(", ") || "none";
        throw new CommandError("not-found", `there is no parameter ${path}; there are ${known}`);
      },
    }),
    defineCommand({
      name: "parameter.write",
      description: "Writes a value of a policy, as a new version of its document.",
      input: object({
        path,
        value: parameterValue,
        version: optional(wholeNumber({ description: "the policy's that you saw; any without it" })),
        expiresIn: optional(span("after which the value takes itself back")),
        dryRun: optional(flag("only tells what would change")),
      }),
      output: outcomeSchema,
      touches: ({ path }) => split(path).name,
      run: ({ path, value, ...how }, { identity }) => {
        const { name, inside } = split(path);
        return update({ name, changes: { [inside]: value }, by: identity.name, argument: "value", ...how });
      },
    }),
  ];
}

function split(path: string): { name: string; inside: string } {
  const slash = path.indexOf("/");
  if (slash < 1) refuse("path", "one such as prices/retry.attempts", path);
  return { name: path.slice(0, slash), inside: path.slice(slash + 1) };
}
