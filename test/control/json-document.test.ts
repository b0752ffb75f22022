import { describe, expect, it } from "vitest";
import { jsonDifferences, withJsonValues } from "../../src/control/json-document.ts";

describe("a document in JSON", () => {
  it("differs by the paths of its values, where a list is one", () => {
    const before = { a: 1, group: { slow: "1s", same: true }, list: [1], gone: { deep: null } };
    const after = { a: 2, group: { slow: "1s", same: true, news: "x" }, list: [1, 2] };
    expect(jsonDifferences(JSON.stringify(before), JSON.stringify(after))).toEqual([
      { path: "a", before: "1", after: "2" },
      { path: "list", before: "[1]", after: "[1,2]" },
      { path: "gone.deep", before: "null", after: null },
      { path: "group.news", before: null, after: '"x"' },
    ]);
  });

  it.each([
    [{ a: 2 }, { a: 2, group: { slow: "1s" } }],
    [{ "group.slow": "2s" }, { a: 1, group: { slow: "2s" } }],
    [{ "group.news": true }, { a: 1, group: { slow: "1s", news: true } }],
    [{ "other.new": 5 }, { a: 1, group: { slow: "1s" }, other: { new: 5 } }],
    [{ a: null }, { group: { slow: "1s" } }],
    [{ "group.slow": null }, { a: 1 }],
    [{ "none.there": null }, { a: 1, group: { slow: "1s" } }],
    [{ "a.b": 5 }, { a: { b: 5 }, group: { slow: "1s" } }],
  ])("changes by %j", (changes, expected) => {
    const text = JSON.stringify({ a: 1, group: { slow: "1s" } });
    expect(JSON.parse(withJsonValues(text, changes))).toEqual(expected);
  });

  it("gets fields of its own only", () => {
    const text = withJsonValues("{}", { "__proto__.polluted": true });
    expect(text).toBe('{"__proto__":{"polluted":true}}');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it.each(["", ".", "a.", "a b", "a[0]"])("has no path %j", (path) => {
    expect(() => withJsonValues("{}", { [path]: 1 })).toThrow("there is no path");
  });
});
