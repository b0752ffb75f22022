import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CommandError,
  flag,
  json,
  list,
  nullable,
  object,
  optional,
  record,
  type Schema,
  secret,
  span,
  text,
  wholeNumber,
} from "../../src/control/index.ts";

const everything = object({
  name: text({ most: 5, description: "a name" }),
  count: optional(wholeNumber({ least: 1, most: 9 })),
  on: optional(flag()),
  after: optional(span()),
  parts: optional(list(object({ id: text() }), { most: 2 })),
  any: optional(json()),
  more: optional(record(nullable(flag()), { most: 2 })),
});

describe("a schema", () => {
  it("reads what fits", () => {
    const given = {
      name: "ann",
      count: 3,
      on: false,
      after: "2s",
      parts: [{ id: "a" }],
      any: [1],
      more: { a: true, b: null },
    };
    expect(everything.read(given, "args")).toEqual({ ...given, after: 2_000 });
    expect(everything.read({ name: "ann" }, "args")).toEqual({ name: "ann" });
  });

  it("says the same as JSON Schema", () => {
    expect(object({ name: text({ most: 5, description: "a name" }), on: optional(flag()) }).json).toEqual({
      type: "object",
      properties: {
        name: { type: "string", minLength: 1, maxLength: 5, description: "a name" },
        on: { type: "boolean" },
      },
      required: ["name"],
      additionalProperties: false,
    });
  });

  it("says of a length of time the longest that will do", () => {
    const { json, read } = span("how long", { most: "1h" });
    expect(json).toMatchObject({
      oneOf: [{ type: "string" }, { type: "number", maximum: 3_600_000 }],
      description: "how long; at most 1h",
    });
    expect(read("60m", "ttl")).toBe(3_600_000);
    expect(() => read("61m", "ttl")).toThrow('ttl must be at most 1h, but is "61m"');
  });

  it.each<[unknown, string]>([
    [null, "args must be an object, but is null"],
    [{}, "name must be a text, but is missing"],
    [{ name: "" }, 'name must be a text, but is ""'],
    [{ name: 5 }, "name must be a text, but is 5"],
    [{ name: "longer" }, 'name must be a text of at most 5 characters, but is "longer"'],
    [Object.create({ name: "ann" }), "name must be a text, but is missing"],
    [{ name: "a", nome: 1 }, "there is no nome; there is name, count, on, after, parts, any, more"],
    [{ name: "a", count: 0 }, "count must be a whole number from 1 to 9, but is 0"],
    [{ name: "a", count: 1.5 }, "count must be a whole number from 1 to 9, but is 1.5"],
    [{ name: "a", on: "yes" }, 'on must be true or false, but is "yes"'],
    [{ name: "a", after: "soon" }, 'after must be a length of time such as "15m", but is "soon"'],
    [{ name: "a", after: 0 }, 'after must be a length of time such as "15m", but is 0'],
    [{ name: "a", after: "8785h" }, 'after must be at most 8784h, but is "8785h"'],
    [{ name: "a", after: 1e300 }, "after must be at most 8784h, but is 1e+300"],
    [{ name: "a", parts: {} }, "parts must be a list of at most 2, but is {}"],
    [{ name: "a", more: {} }, "more must be an object of 1 to 2 values, but is {}"],
    [{ name: "a", more: [] }, "more must be an object of 1 to 2 values, but is []"],
    [{ name: "a", more: { b: 1 } }, "more.b must be true or false, but is 1"],
    [{ name: "a", parts: [{ id: "x" }, { id: 1 }] }, "parts[1].id must be a text, but is 1"],
  ])("says of %j what is wrong", (given, message) => {
    expect(() => everything.read(given, "args")).toThrow(
      expect.objectContaining({ kind: "invalid-arguments", message }),
    );
  });

  const password = secret(text({ most: 8 }));
  const holding = object({
    user: text({ most: 5 }),
    password: optional(password),
    older: optional(list(nullable(password), { most: 2 })),
    tokens: optional(record(object({ value: password, on: flag() }), { most: 2 })),
  });

  it("has what is secret hidden for the log, wherever it stands, and what may be it by mistake", () => {
    const given = {
      user: "ann",
      password: "hunter2",
      older: ["one", null],
      tokens: { a: { value: "two", on: true, valeu: "three" }, b: "four" },
      pasword: "hunter2",
    };
    expect(holding.hide?.(given)).toEqual({
      user: "ann",
      password: "…",
      older: ["…", null],
      tokens: { a: { value: "…", on: true, valeu: "…" }, b: "…" },
      pasword: "…",
    });
    expect([holding.hide?.("hunter2"), holding.hide?.({ older: "one", tokens: 4 })]).toEqual([
      "…",
      { older: "…", tokens: "…" },
    ]);
    expect(everything.hide).toBeUndefined();
    expect(holding.json).toMatchObject({
      properties: { password: { type: "string", maxLength: 8, writeOnly: true } },
    });
    expect(holding.read({ user: "ann", password: "hunter2" }, "args")).toEqual({
      user: "ann",
      password: "hunter2",
    });
  });

  it.each<[unknown, string]>([
    [{ user: "ann", password: "a-long-secret" }, "password is secret, and not what its schema says"],
    [{ user: "ann", older: ["a-long-secret"] }, "older[0] is secret, and not what its schema says"],
    [{ user: "ann", older: "a-long-secret" }, 'older must be a list of at most 2, but is "…"'],
    [{ user: "ann", tokens: { a: "a-long-secret" } }, 'tokens.a must be an object, but is "…"'],
    [{ user: "ann", tokens: "a-long-secret" }, 'tokens must be an object of 1 to 2 values, but is "…"'],
    ["a-long-secret", 'args must be an object, but is "…"'],
    [{ user: "ann", tokens: { a: {} } }, "tokens.a.value must be given"],
  ])("says of %j what is wrong, and not the secret", (given, message) => {
    expect(() => holding.read(given, "args")).toThrow(
      expect.objectContaining({ kind: "invalid-arguments", message }),
    );
  });

  it("throws nothing but a CommandError, whatever it is given", () => {
    const schemas: Schema<unknown>[] = [
      everything,
      text(),
      wholeNumber(),
      flag(),
      span(),
      list(text()),
      json(),
    ];
    fc.assert(
      fc.property(fc.constantFrom(...schemas), fc.anything({ withBigInt: true }), (schema, value) => {
        try {
          schema.read(value, "value");
        } catch (error) {
          expect(error).toBeInstanceOf(CommandError);
          expect((error as Error).message.length).toBeLessThan(250);
        }
      }),
    );
  });
});
