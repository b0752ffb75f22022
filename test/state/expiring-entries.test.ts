import { describe, expect, it } from "vitest";
import { ExpiringEntries } from "../../src/state/expiring-entries.ts";

function kept(most: number) {
  const dropped: string[] = [];
  const entries = new ExpiringEntries<string>((value) => dropped.push(value));
  const set = (key: string, value: string, staleAt: number) => entries.set(key, value, staleAt, most);
  return { entries, dropped, set };
}

describe("expiring entries", () => {
  it("keep a value until it went stale, and as long after as it is of use", () => {
    const { entries, dropped, set } = kept(10);
    set("k", "v", 1_000);
    expect(entries.get("k", 999, 0)).toEqual({ value: "v", staleAt: 1_000, leasedUntil: -Infinity });
    expect(entries.get("k", 1_499, 500)?.value).toBe("v");
    expect([entries.size, dropped]).toEqual([1, []]);
    expect(entries.get("k", 1_500, 500)).toBeUndefined();
    expect([entries.size, dropped]).toEqual([0, ["v"]]);
    expect(entries.get("k", 0, 500)).toBeUndefined();
  });

  it("keep no more than they may, and drop what was used longest ago", () => {
    const { entries, dropped, set } = kept(2);
    set("a", "1", 10);
    set("b", "2", 10);
    entries.get("a", 0, 0);
    set("c", "3", 10);
    expect(dropped).toEqual(["2"]);
    set("d", "4", 10);
    expect(dropped).toEqual(["2", "1"]);
    expect(entries.size).toBe(2);
  });

  it("are as few as they may be by then, when that has changed", () => {
    const { entries, dropped, set } = kept(3);
    for (const key of ["a", "b", "c"]) set(key, key, 10);
    entries.set("d", "d", 10, 2);
    expect([entries.size, dropped]).toEqual([2, ["a", "b"]]);
    entries.set("e", "e", 10, 3);
    expect([entries.size, dropped]).toEqual([3, ["a", "b"]]);
  });

  it("replace a value in place, and drop the old one", () => {
    const { entries, dropped, set } = kept(2);
    set("a", "1", 10);
    set("b", "2", 10);
    set("b", "3", 10);
    expect(dropped).toEqual(["2"]);
    expect([entries.get("a", 0, 0)?.value, entries.get("b", 0, 0)?.value]).toEqual(["1", "3"]);
  });

  it("forget a key, or all", () => {
    const { entries, dropped, set } = kept(3);
    for (const key of ["a", "b", "c"]) set(key, key, 10);
    expect([entries.delete("b"), entries.delete("b")]).toEqual([true, false]);
    expect(dropped).toEqual(["b"]);
    entries.clear();
    expect([entries.size, dropped]).toEqual([0, ["b", "a", "c"]]);
  });
});
