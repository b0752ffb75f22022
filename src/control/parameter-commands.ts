import { CommandError } from "./command-error.ts";
import { defineCommand, type RegisteredCommand } from "./commands.ts";
import { inForce } from "./document-history.ts";
import { outcomeSchema, parameterSchema } from "./document-schemas.ts";
import {
  changeDocument,
  type DocumentPlane,
  historyOf,
  invalidText,
  parameterStates,
  parametersOf,
} from "./documents.ts";
import { withParameter } from "./parameters.ts";
import { flag, object, optional, refuse, type Schema, span, text, wholeNumber } from "./schema.ts";
import { reaches } from "./tokens.ts";

const path = text({
  most: 300,
  description: "such as prices/retry.attempts, or of the second retry prices/retry#2.attempts",
});

const value: Schema<string | number | boolean> = {
  json: {
    oneOf: [{ type: "number" }, { type: "boolean" }, { type: "string", maxLength: 1_000 }],
    description: "a number, true or false, or text such as 250ms or exponential(100ms)",
  },
  read(given, at) {
    const fits =
      typeof given === "boolean" ||
      (typeof given === "number" && Number.isFinite(given)) ||
      (typeof given === "string" && given !== "" && given.length <= 1_000);
    return fits
      ? (given as string | number | boolean)
      : refuse(at, "a number, true or false, or a text", given);
  },
};

/** Reads and writes single values of policies by their paths. */
export function parameterCommands(plane: DocumentPlane): RegisteredCommand[] {
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
        value,
        version: optional(wholeNumber({ description: "the policy's that you saw; any without it" })),
        expiresIn: optional(span("after which the value takes itself back")),
        dryRun: optional(flag("only tells what would change")),
      }),
      output: outcomeSchema,
      touches: ({ path }) => split(path).name,
      run: async ({ path, value, version, ...how }, { identity }) => {
        const { name, inside } = split(path);
        const now = inForce(await historyOf(plane, name));
        const changed = written(now.text, inside, value);
        const seen = version ?? now.version;
        return changeDocument(plane, { name, text: changed, version: seen, by: identity.name, ...how });
      },
    }),
  ];
}

function written(text: string, path: string, value: string | number | boolean): string {
  try {
    return withParameter(text, path, value);
  } catch (error) {
    throw invalidText(error);
  }
}

function split(path: string): { name: string; inside: string } {
  const slash = path.indexOf("/");
  if (slash < 1) refuse("path", "one such as prices/retry.attempts", path);
  return { name: path.slice(0, slash), inside: path.slice(slash + 1) };
}
