import { refuse, type Schema } from "./schema.ts";

/** A value of a policy, as a command has it. */
export const parameterValue: Schema<string | number | boolean> = {
  json: {
    oneOf: [{ type: "number" }, { type: "boolean" }, { type: "string", maxLength: 1_000 }],
    description: "such as 5, 250ms or exponential(100ms)",
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
