import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { removeLeftovers } from "../../esbuild.leftovers.ts";

const made: string[] = [];

function directory(...files: string[]): string {
  const root = mkdtempSync(join(tmpdir(), "ninelives-leftovers-"));
  made.push(root);
  for (const file of files) {
    mkdirSync(join(root, file, ".."), { recursive: true });
    writeFileSync(join(root, file), file);
  }
  return root;
}

afterEach(() => {
  for (const root of made.splice(0)) rmSync(root, { recursive: true });
});

describe("removeLeftovers", () => {
  it("removes what nobody wrote, and the directories that are empty by it", () => {
    const root = directory("web/main.js", "web/old.js", "old/deep/file.js", "src/index.js");
    removeLeftovers(root, [join(root, "web/main.js"), join(root, "src", "index.js")]);
    const left = readdirSync(root, { recursive: true }).map((each) => String(each).replaceAll("\\", "/"));
    expect(left.sort()).toEqual(["src", "src/index.js", "web", "web/main.js"]);
    expect(readFileSync(join(root, "web/main.js"), "utf8")).toBe("web/main.js");
  });

  it("leaves the directory itself, also where nothing was written", () => {
    const root = directory("a.js");
    removeLeftovers(root, []);
    expect(existsSync(root)).toBe(true);
    expect(readdirSync(root)).toEqual([]);
  });

  it("is what the build does, which removes no directory", () => {
    const build = readFileSync(new URL("../../esbuild.config.ts", import.meta.url), "utf8");
    expect(build).toContain('removeLeftovers("dist"');
    expect(build).not.toContain("rmSync");
  });
});
