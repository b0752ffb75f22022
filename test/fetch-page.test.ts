import { readFileSync } from "node:fs";
import { format, standard } from "ninelives";
import { describe, expect, it } from "vitest";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const page = read("docs/policies/resilient-fetch.md");

describe("the page of resilientFetch", () => {
  it("lists what a call may say", () => {
    const [, source = ""] = /const said = \[(.*?)\]/s.exec(read("src/fetch/resilient-fetch.ts")) ?? [];
    const options = [...source.matchAll(/"(\w+)"/g)].map(([, name]) => name);
    const table = page.split("### `resilience`")[1]?.split("\n## ")[0] ?? "";
    expect([...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)).toEqual(options);
  });

  it("shows the default as the preset is, with a budget", () => {
    expect(page).toContain(format(standard()).replace("retry(3)", "retry(3, budget: retryBudget())"));
  });
});
