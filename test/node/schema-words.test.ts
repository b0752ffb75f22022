import {
  flag,
  json,
  list,
  nullable,
  object,
  optional,
  record,
  span,
  text,
  wholeNumber,
} from "ninelives/control";
import { describe, expect, it } from "vitest";
import { schemaDescription, schemaFields, schemaWords } from "../../workers/routes/schema-words.ts";

describe("the words for a schema", () => {
  it.each([
    [text(), "a text"],
    [flag(), "true or false"],
    [wholeNumber(), "a whole number"],
    [wholeNumber({ least: 1 }), "a whole number of at least 1"],
    [wholeNumber({ least: 1, most: 9 }), "a whole number from 1 to 9"],
    [wholeNumber({ least: 1, most: 1 }), "1"],
    [wholeNumber({ most: 2 ** 52 }), "a whole number"],
    [span("how long"), "a text such as 15m, or a number of milliseconds"],
    [nullable(text()), "a text, or null"],
    [nullable(span()), "a text such as 15m, a number of milliseconds, or null"],
    [list(text(), { most: 5 }), "a list of at most 5, each a text"],
    [list(list(object({}))), "a list of at most 1000, each a list of at most 1000, each an object"],
    [record(flag()), "an object by names, each true or false"],
    [json("", { type: "object", properties: { a: {}, b: {} } }), "an object with any of a, b"],
    [json("", { enum: ["a", 5] }), '"a", or 5'],
    [json("", { const: "a" }), '"a"'],
    [json("", { type: ["number", "null"] }), "a number, or null"],
    [json("", { type: "array" }), "a list"],
    [json(), "any value"],
  ])("%j", ({ json }, words) => {
    expect(schemaWords(json)).toBe(words);
  });

  it("lead to the fields of an object, and of those in lists of lists", () => {
    const { json } = list(
      list(object({ name: text({ description: "whose" }), at: optional(wholeNumber()) })),
    );
    const fields = schemaFields(json);
    expect(fields.map(({ name, isRequired }) => [name, isRequired])).toEqual([
      ["name", true],
      ["at", false],
    ]);
    expect(schemaFields(text().json)).toEqual([]);
  });

  it("have what is said of a value, or of each in a list", () => {
    expect(schemaDescription(text({ description: "whose" }).json)).toBe("whose");
    expect(schemaDescription(list(text({ description: "whose" })).json)).toBe("whose");
    expect(schemaDescription(text().json)).toBeUndefined();
  });
});
