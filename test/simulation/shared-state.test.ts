import { describe, expect, it } from "vitest";
import { shareState } from "./shared-state.ts";

describe("shared state under faults", () => {
  it.each(Array.from({ length: 12 }, (_, index) => index + 1))(
    "holds what must hold: seed %d",
    async (seed) => {
      expect((await shareState(seed)).violations).toEqual([]);
    },
  );

  it.each([
    [2931, "an evicted home forgot how the fleet had grown, and a minority opened the circuit"],
    [3151, "an evicted home forgot how the fleet had grown, and one of four opened the circuit"],
    [
      1045,
      "a region's home that had lost its record took an old report for a sign that all later ones were new",
    ],
    [166, "a region's home that had lost its record counted calls that the one before had counted"],
    [259, "a region's home that had lost its record counted calls that the one before had counted"],
  ])("keeps what seed %d found from coming back: %s", async (seed) => {
    expect((await shareState(seed)).violations).toEqual([]);
  });

  it("is the same for the same seed", async () => {
    expect(await shareState(3)).toEqual(await shareState(3));
  });
});
