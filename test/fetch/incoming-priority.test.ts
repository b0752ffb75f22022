import fc from "fast-check";
import { incomingPriority } from "ninelives/fetch";
import { describe, expect, it } from "vitest";

const of = (priority: string | null, options?: Parameters<typeof incomingPriority>[1]) =>
  incomingPriority({ headers: new Headers(priority === null ? {} : { priority }) }, options).priority;

describe("incomingPriority", () => {
  it.each([
    [null, 0],
    ["", 0],
    ["u=0", 3],
    ["u=1", 2],
    ["u=3", 0],
    ["u=7", -4],
    ["u=7, i", -4],
    ["i, u=1", 2],
    ["i,u=1", 2],
    ["u=1;q=2, i;x", 2],
    ["u=1, u=5", -2],
    ["\tu=2\t,\ti", 1],
    ["i", 0],
    ["u=8", 0],
    ["u=-1", 0],
    ["u=10", 0],
    ["u=1.5", 0],
    ["u = 1", 0],
    ["U=1", 0],
    ["xu=1", 0],
    ['a="u=1"', 0],
    ["high", 0],
  ])("%j is %i", (header, priority) => {
    expect(of(header)).toBe(priority);
  });

  it("lets those who are not trusted step back, and no more", () => {
    expect(["u=0", "u=3", "u=5"].map((header) => of(header, { most: 0 }))).toEqual([0, 0, -2]);
  });

  it("reads another header", () => {
    const headers = new Headers({ priority: "u=0", "x-urgency": "u=6" });
    expect(incomingPriority({ headers }, { header: "x-urgency" })).toEqual({ priority: -3 });
  });

  it("makes one of seven numbers of anything", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const { priority } = incomingPriority({ headers: { get: () => text } });
        expect([3, 2, 1, 0, -1, -2, -3, -4]).toContain(priority);
      }),
    );
  });

  it("refuses options that will not do", () => {
    expect(() => of(null, { most: Number.NaN })).toThrow("incomingPriority: most must be a number from");
    expect(() => of(null, { least: 0 } as object)).toThrow('incomingPriority has no option "least"');
  });
});
