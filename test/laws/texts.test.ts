import fc from "fast-check";
import { describe as describePolicy, ExpressionError, format, parse } from "ninelives";
import { describe, expect, inject, it } from "vitest";
import * as vocabulary from "../../src/expression/vocabulary.ts";
import { mark, policies, scope, texts, values } from "./texts.ts";

const numRuns = inject("cases");
const options = { timeout: 120_000 };

/** The error that a text gets, and where it should be. */
function thrownBy(text: string): ExpressionError {
  try {
    parse(text, scope);
  } catch (error) {
    if (error instanceof ExpressionError) return error;
    throw error;
  }
  throw new Error(`no error in ${text}`);
}

function place(text: string, at: number): { line: number; column: number } {
  const lines = text.slice(0, at).split("\n");
  return { line: lines.length, column: (lines.at(-1) as string).length + 1 };
}

/** Where the marks of a text stand once they are gone. */
function namesIn(marked: string): { text: string; at: number[] } {
  const parts = marked.split(mark);
  const at: number[] = [];
  let length = (parts[0] as string).length;
  for (const part of parts.slice(1)) {
    at.push(length);
    length += part.length;
  }
  return { text: parts.join(""), at };
}

describe("texts", () => {
  it("are made of every policy, preset and value that there is", () => {
    expect(Object.keys(policies).sort()).toEqual(Object.keys(vocabulary.policies).sort());
    expect(Object.keys(values).sort()).toEqual(Object.keys(vocabulary.values).sort());
  });

  it("come back from their policies with an equal description, and then to the letter", options, () => {
    fc.assert(
      fc.property(texts, (marked) => {
        const policy = parse(namesIn(marked).text, scope);
        const text = format(policy);
        const again = parse(text, scope);
        expect(describePolicy(again)).toEqual(describePolicy(policy));
        expect(format(again)).toBe(text);
      }),
      { numRuns },
    );
  });

  it.each(Object.entries({ ...policies }))("come back with any options: %s", options, (_, calls) => {
    fc.assert(
      fc.property(calls, (text) => {
        const policy = parse(text, scope);
        expect(describePolicy(parse(format(policy), scope))).toEqual(describePolicy(policy));
      }),
      { numRuns: Math.ceil(numRuns / 10) },
    );
  });

  it("get an error at the name that nobody knows, by line and column", options, () => {
    fc.assert(
      fc.property(texts, fc.nat(), (marked, chosen) => {
        const { text, at } = namesIn(marked);
        const wrong = at[chosen % at.length] as number;
        const name = /^\w+/.exec(text.slice(wrong))?.[0] as string;
        const broken = `${text.slice(0, wrong)}nobody${text.slice(wrong + name.length)}`;
        const error = thrownBy(broken);
        expect(error).toMatchObject(place(broken, wrong));
        expect(error.message).toContain('found "nobody", an unknown policy');
      }),
      { numRuns },
    );
  });

  it("get an error at what no text may hold, by line and column", options, () => {
    fc.assert(
      fc.property(texts, fc.nat(), (marked, chosen) => {
        const { text, at } = namesIn(marked);
        const before = at[chosen % at.length] as number;
        const broken = `${text.slice(0, before)} ? ${text.slice(before)}`;
        expect(thrownBy(broken)).toMatchObject(place(broken, before + 1));
      }),
      { numRuns },
    );
  });

  it(
    "get an error at the bracket that nothing opened, and at the end for one that nothing closed",
    options,
    () => {
      fc.assert(
        fc.property(texts, (marked) => {
          const { text } = namesIn(marked);
          expect(thrownBy(`${text}\n )`)).toMatchObject(place(`${text}\n )`, text.length + 2));
          expect(thrownBy(`(${text}`)).toMatchObject(place(`(${text}`, text.length + 1));
          expect(thrownBy(`${text}\n+`)).toMatchObject(place(`${text}\n+`, text.length + 2));
        }),
        { numRuns: Math.ceil(numRuns / 10) },
      );
    },
  );
});
