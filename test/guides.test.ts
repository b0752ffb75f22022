import { existsSync, globSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readUpstreams } from "../src/upstreams/index.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const documents = globSync(["*.md", "docs/**/*.md"], { cwd: root });

/** The paths in the repository that a document links to, or shows. */
const linksOf = (document: string): string[] =>
  [...readFileSync(join(root, document), "utf8").matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(
    ([, target = ""]) => posix.join(posix.dirname(document), target),
  );

describe("documents", () => {
  it.each(documents)("link to what is there: %s", (document) => {
    expect(linksOf(document).filter((target) => !existsSync(join(root, target)))).toEqual([]);
  });

  it("list all guides", () => {
    const guides = documents.filter((path) => path.startsWith("docs/guides/"));
    expect(guides.length).toBeGreaterThan(0);
    expect(linksOf("docs/README.md")).toEqual(expect.arrayContaining(guides));
  });

  it("show upstreams that the gateway takes", () => {
    const shown = documents.flatMap((document) => {
      const text = readFileSync(join(root, document), "utf8");
      const inToml = [...text.matchAll(/^UPSTREAMS = '(?:'')?(.*?)'(?:'')?$/gms)];
      const inJson = [...text.matchAll(/^```json\n(.*?)^```/gms)].filter(([, json]) =>
        /"(?:discover|priority)":/.test(json ?? ""),
      );
      return [...inToml, ...inJson].map(([, json = ""]) => [document, json] as const);
    });
    expect(shown.length).toBeGreaterThanOrEqual(4);
    for (const [document, json] of shown)
      expect([document, readUpstreams(json).size > 0]).toEqual([document, true]);
  });
});
