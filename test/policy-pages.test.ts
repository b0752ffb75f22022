import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as ninelives from "ninelives";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string): string => readFileSync(root + path, "utf8");
const pages = globSync("docs/policies/*.md", { cwd: root }).sort();

/** An option as the doc comment of its interface has it. */
interface Option {
  readonly name: string;
  /** `required`, or what stands after `Default`; undefined when nothing does. */
  readonly initial: string | undefined;
}

/**
 * The options of a policy or value, from the source of its interface. Undefined when it has none, or a table of options:
 * pages are held against those in docs-tables.test.ts.
 */
function optionsOf(name: string): readonly Option[] | undefined {
  if (sources.includes(`export const ${name}Options: Table`)) return undefined;
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Options`;
  const body = sources.match(new RegExp(`export interface ${type}(?:<[^>]*>)? \\{\\n(.*?)\\n\\}`, "s"))?.[1];
  if (body === undefined) return undefined;
  const members = body.matchAll(/\/\*\*((?:(?!\*\/).)*)\*\/\s*readonly (\w+)(\??):/gs);
  return [...members].map(([, comment = "", option = "", optional]) => ({
    name: option,
    initial: optional === "" ? "required" : /Default:? (.*?)(?:;|\.(?:\s|$))/s.exec(comment)?.[1],
  }));
}

const sources = globSync(["src/{policies,fetch}/*.ts", "src/core/environment.ts"], { cwd: root })
  .map(read)
  .join("\n");

/** The rows of the tables of a section that begin with this column, each with what its table is about. */
function rows(section: string, column: string, page: string): { about: string; cells: string[] }[] {
  let about = page;
  let inTable = false;
  const found: { about: string; cells: string[] }[] = [];
  for (const line of section.split("\n")) {
    const heading = /^### `?(\w+)/.exec(line)?.[1];
    if (heading !== undefined) about = heading;
    const cells = line.startsWith("|")
      ? line
          .slice(1)
          .split(/(?<!\\)\|/)
          .map((cell) => cell.trim())
      : [];
    if (cells.length === 0) inTable = false;
    else if (cells[0] === column) inTable = true;
    else if (inTable && !line.startsWith("| ---")) found.push({ about, cells });
  }
  return found;
}

function section(text: string, title: string): string {
  return text.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? "";
}

const plain = (text: string): string => text.replaceAll("`", "");
/** `"1m"` and `1 m` say the same. */
const bare = (text: string): string => text.replace(/["`\s]/g, "");
const camel = (name: string): string => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/** What all events that tell a call's end have in common. */
const [, measures = ""] = /interface CallMeasures \{\n(.*?)\n\}/s.exec(read("src/core/events.ts")) ?? [];

/** The events with their fields, from the source of their union. */
const events = new Map(
  [...read("src/core/events.ts").matchAll(/^ {2}"([\w.-]+)": (.*?);\n(?= {2}["/]|\})/gms)].map(
    ([, type = "", details = ""]) => [
      type,
      [...details.replace("CallMeasures", measures).matchAll(/readonly (\w+)\??:/g)].map(
        ([, field = ""]) => field,
      ),
    ],
  ),
);

describe.each(pages)("%s", (path) => {
  const text = read(path);
  const page = camel(basename(path, ".md"));

  it("has the sections of every page, in their order", () => {
    const titles = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
    expect(titles).toEqual(["Usage", "Defaults", "Events", "Order", "Anti-patterns"]);
    expect(section(text, "Usage")).toContain("```ts\n");
    for (const part of ["**Don't**", "*Why:*", "*Do* "]) {
      expect(section(text, "Anti-patterns").includes(part) || part, part).toBe(true);
    }
  });

  it("says each option and its default as the source does, where no table of options does", () => {
    const tables = Map.groupBy(rows(section(text, "Defaults"), "option", page), ({ about }) => about);
    if (optionsOf(page) !== undefined) expect([...tables.keys()]).toContain(page);
    for (const [about, list] of tables) {
      const meant = optionsOf(about)?.map(({ name, initial = "(none said)" }) => [name, bare(initial)]);
      if (meant === undefined) continue;
      expect(
        list.map(({ cells: [name = "", initial = ""] }) => [plain(name), bare(initial)]),
        about,
      ).toEqual(meant);
    }
  });

  it("names events that exist, with all their fields", () => {
    for (const { cells } of rows(section(text, "Events"), "event", page)) {
      const [type = "", fields = ""] = cells.map(plain);
      expect(events.get(type), type).toEqual(fields === "" ? [] : fields.split(/,\s*/));
    }
  });
});

describe("policy pages", () => {
  it("know events", () => {
    expect(events.size).toBeGreaterThan(20);
    expect(events.get("retry.attempted")).toEqual(["attempt", "delay", "kind"]);
    expect(events.get("cache.missed")).toEqual([]);
  });

  it("link to pages that exist", () => {
    for (const path of pages) {
      for (const [, target = ""] of read(path).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
        expect(existsSync(join(root, dirname(path), target)), `${path} links to ${target}`).toBe(true);
      }
    }
  });

  it("show presets as they are", () => {
    const list = rows(section(read("docs/policies/presets.md"), "Defaults"), "preset", "presets");
    expect(list.length).toBe(12);
    const made = ninelives as unknown as Record<string, () => ninelives.AnyPolicy>;
    for (const { cells } of list) {
      const [name = "", text = ""] = cells.map(plain);
      expect(ninelives.format((made[name] as () => ninelives.AnyPolicy)())).toBe(text);
    }
  });
});
