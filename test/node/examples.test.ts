import { execFile } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
const examples = globSync("docs/examples/*.ts", { cwd: root }).sort();

/** What an example says that it prints: the text after each `//=> `, line by line. */
function promised(source: string): string[] {
  return [...source.matchAll(/\/\/=> (.*)$/gm)].map(([, line]) => line as string);
}

describe("examples", () => {
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "ninelives-examples-"));
    // With the source behind the public names, and decorators lowered.
    await build({
      entryPoints: examples.map((path) => root + path),
      outdir: folder,
      outExtension: { ".js": ".mjs" },
      bundle: true,
      format: "esm",
      platform: "node",
      target: "es2022",
      tsconfig: join(root, "tsconfig.json"),
      logLevel: "silent",
    });
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(examples)("%s prints what it says", { timeout: 30_000 }, async (path) => {
    const expected = promised(readFileSync(root + path, "utf8"));
    expect(expected.length).toBeGreaterThan(0);
    const script = join(folder, basename(path).replace(/\.ts$/, ".mjs"));
    const { stdout, stderr } = await run(process.execPath, [script], { timeout: 20_000 });
    expect(stderr).toBe("");
    expect(stdout.trimEnd().split("\n")).toEqual(expected);
  });

  it.each(examples)("%s imports public names only", (path) => {
    const imported = [...readFileSync(root + path, "utf8").matchAll(/ from "([^"]+)"/g)].map(
      ([, name]) => name,
    );
    expect(imported).not.toEqual([]);
    for (const name of imported) expect(name).toMatch(/^(?:ninelives(?:\/|$)|node:)/);
  });
});
