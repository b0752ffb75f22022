import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type DescribedCall, describeValue } from "../src/core/description.ts";
import { formatDuration } from "../src/core/duration.ts";
import type { Table } from "../src/core/options.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Pages of what takes no object of options that is checked against a table. */
const withoutTable = [
  "answer",
  "decorators",
  "environment",
  "idle-timeout",
  "keyed",
  "lease",
  "presets",
  "rate-limit-hints",
  "resilient-fetch",
];

const pages = globSync("docs/policies/*.md", { cwd: root }).map((path) => basename(path, ".md"));
/** Where the code of a page is, if not with the policies. */
const elsewhere: Readonly<Record<string, string>> = {
  "coalesce-gets": "fetch",
  "deadline-header": "fetch",
  group: "upstreams",
  "idempotency-key": "fetch",
  "open-telemetry": "fetch",
  "replay-body": "fetch",
  "stale-if-error": "fetch",
  "trace-context": "fetch",
  "worker-pool": "worker-pool",
};

const camel = (name: string) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());

/** The rows of the first table under "Defaults": an option and its default. */
function documented(page: string): [option: string, initial: string][] {
  const text = readFileSync(`${root}docs/policies/${page}.md`, "utf8");
  const [table = ""] = text.split(/^## Defaults$/m)[1]?.match(/(?:^\|.*\n)+/m) ?? [];
  return table
    .split("\n")
    .slice(2, -1)
    .map((row) => {
      const [, option = "", initial = ""] = row.split("|").map((cell) => cell.trim());
      return [option.replaceAll("`", ""), initial];
    });
}

/** A default as its page writes it, or nothing for one that the page puts into words. */
function written({ initial, required }: { readonly initial?: unknown; readonly required?: true }) {
  if (required) return "required";
  if (initial === undefined || typeof initial === "function") return undefined;
  const described = describeValue(initial as DescribedCall, false);
  if (typeof described !== "object" || !("call" in described)) return `\`${JSON.stringify(initial)}\``;
  const list = described.arguments.map(({ value }) =>
    typeof value === "object" && "duration" in value ? `"${formatDuration(value.duration)}"` : String(value),
  );
  return `\`${described.call}(${list.join(", ")})\``;
}

describe("the documentation's tables of defaults", () => {
  it.each(pages.filter((page) => !withoutTable.includes(page)))("are those of the code: %s", async (page) => {
    const module: Record<string, unknown> = await import(
      `../src/${elsewhere[page] ?? "policies"}/${page}.ts`
    );
    const table = module[`${camel(page)}Options`] as Table;
    const rows = documented(page);
    expect(rows.map(([option]) => option)).toEqual(Object.keys(table));
    for (const [option, initial] of rows) {
      const expected = written(table[option] as Table[string]);
      if (expected === undefined) expect(initial, option).toMatch(/^[^`\d][^`]*(`[a-zA-Z]+`[^`]*)*$/);
      else expect(initial, option).toBe(expected);
    }
  });

  it("are there for every policy that has a table", () => {
    const tabled = globSync("src/policies/*.ts", { cwd: root })
      .filter((path) => /^export const \w+Options: Table/m.test(readFileSync(root + path, "utf8")))
      .map((path) => basename(path, ".ts"));
    expect(pages).toEqual(expect.arrayContaining(tabled));
    expect(withoutTable.filter((page) => tabled.includes(page))).toEqual([]);
  });
});
