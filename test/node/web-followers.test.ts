import type { DocumentReport } from "ninelives/observer";
import { describe, expect, it } from "vitest";
import { followerWords, isRefused, refusalsOf } from "../../web/follower-words.ts";

const report = (more: Partial<DocumentReport> = {}): DocumentReport => ({
  version: 7,
  followers: 4,
  current: 3,
  refused: [],
  ...more,
});

const refusal = (source: string, version: number, at: number, reason = "line 1: no chaos in here") => ({
  source,
  version,
  reason,
  at,
});

describe("which version followers have", () => {
  it.each<[string, DocumentReport | undefined, number | undefined]>([
    ["Version 7 is in force with 3 of 4 followers, as they told last.", report(), 7],
    [
      "Version 7 is in force with 1 of 1 follower, as they told last.",
      report({ followers: 1, current: 1 }),
      7,
    ],
    [
      "Nobody has told that version 8 is in force. Version 7 is in force with 3 of 4 followers, as they told last.",
      report(),
      8,
    ],
    ["Version 0 is in force with 3 of 4 followers, as they told last.", report({ version: 0 }), undefined],
    // What is unknown is never zero.
    ["Nobody has told which version is in force.", undefined, 7],
    // Nobody has to tell of what was never changed.
    ["", undefined, 0],
    ["Nobody has told of a version that is in force.", report({ version: null, current: 0 }), 7],
    [
      "Version 7 is in force, as they told last.",
      { version: 7, followers: 4, refused: [] } satisfies DocumentReport,
      7,
    ],
  ])("%s", (words, told, wanted) => {
    expect(followerWords(told, wanted)).toBe(words);
  });
});

describe("who refuses a version", () => {
  it("is told with the reason, those who do for the same one together", () => {
    const refused = [refusal("node 7c1e", 8, 30), refusal("page 3f9c", 8, 20), refusal("node aaaa", 6, 10)];
    expect(refusalsOf(report({ refused }))).toEqual({
      all: [
        {
          words: "2 followers refuse version 8:",
          reason: "line 1: no chaos in here",
          source: "node 7c1e",
          at: 30,
          others: 1,
        },
        {
          words: "1 follower refuses version 6:",
          reason: "line 1: no chaos in here",
          source: "node aaaa",
          at: 10,
          others: 0,
        },
      ],
      more: false,
    });
  });

  it("may be more than are told", () => {
    const refused = [1, 2, 3, 4, 5].map((at) => refusal(`node ${at}`, 8, at, `line ${at}`));
    expect(refusalsOf(report({ refused }))).toMatchObject({ all: { length: 5 }, more: true });
  });

  it("counts as trouble unless others left that version behind them", () => {
    expect(
      [7, 8, 6].map((version) => isRefused(report({ refused: [refusal("node 7c1e", version, 0)] }))),
    ).toEqual([true, true, false]);
    expect(isRefused(report({ version: null, refused: [refusal("node 7c1e", 1, 0)] }))).toBe(true);
    expect([isRefused(report()), isRefused(undefined)]).toEqual([false, false]);
  });
});
