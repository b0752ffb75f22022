import { describe, expect, it } from "vitest";
import { stretchesOf } from "../../web/circuit-timeline.ts";

const report = {
  state: "closed",
  since: 50,
  turns: [
    { state: "closed", since: 10 },
    { state: "open", since: 30 },
    { state: "half-open", since: 40 },
  ],
} as const;

describe("a circuit's timeline", () => {
  it("is one stretch after the other, the last until now", () => {
    expect(stretchesOf(report, 0, 90)).toEqual([
      { state: "closed", from: 10, to: 30 },
      { state: "open", from: 30, to: 40 },
      { state: "half-open", from: 40, to: 50 },
      { state: "closed", from: 50, to: 90 },
    ]);
  });

  it("begins where the picture does", () => {
    expect(stretchesOf(report, 45, 90)).toEqual([
      { state: "half-open", from: 45, to: 50 },
      { state: "closed", from: 50, to: 90 },
    ]);
  });

  it("knows nothing but the last state where the observer tells no more", () => {
    expect(stretchesOf({ state: "open", since: 50 }, 0, 90)).toEqual([{ state: "open", from: 50, to: 90 }]);
  });
});
