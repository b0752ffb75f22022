import { execFile } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Example {
  readonly document: string;
  readonly line: number;
  readonly code: string;
}

/** The ts blocks of a document, each with the line that its code starts on. */
function examples(document: string, text: string): Example[] {
  return [...text.matchAll(/^```ts\b[^\n]*\n(.*?)^```\s*$/gms)].map((match) => ({
    document,
    line: text.slice(0, match.index).split("\n").length + 1,
    code: match[1] ?? "",
  }));
}

/** Worlds apart, since the types of Workers, of service workers, and of pages and Node cannot meet in one program. */
const worlds = {
  workers: { types: ["@cloudflare/workers-types"], lib: ["ES2024"] },
  serviceWorkers: { types: [], lib: ["ES2024", "WebWorker"] },
  everywhere: { types: ["node"], lib: ["ES2024", "DOM", "DOM.Iterable"] },
};

function worldOf({ code }: Example): keyof typeof worlds {
  if (code.includes("ServiceWorkerGlobalScope")) return "serviceWorkers";
  return /from "(?:cloudflare:|ninelives\/(?:hono|workers)|hono["/](?!client))/.test(code)
    ? "workers"
    : "everywhere";
}

/** Type-checks each example as a module of its own and gives what tsc complains of, by document and line. */
async function complaints(all: readonly Example[]): Promise<string[]> {
  mkdirSync(join(root, ".reports"), { recursive: true });
  // Inside the repository, so that `hono` and `vitest` resolve.
  const folder = mkdtempSync(join(root, ".reports/docs-"));
  try {
    const names = new Map(all.map((example, index) => [`${index}.ts`, example]));
    // As many lines as stand above it in the document, so that tsc's line is the document's.
    for (const [name, { code, line }] of names)
      writeFileSync(join(folder, name), `${"\n".repeat(line - 1)}${code}\nexport {};\n`);
    const projects = Object.entries(worlds).map(([world, options]) => {
      const path = join(folder, `tsconfig.${world}.json`);
      const files = [...names].filter(([, example]) => worldOf(example) === world).map(([name]) => name);
      const compilerOptions = { ...options, rootDir: root, outDir: folder };
      writeFileSync(path, JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, files }));
      return path;
    });
    const { code, output } = await tsc("--build", "--pretty", "false", ...projects);
    const lines = output
      .split("\n")
      .filter((line) => line !== "")
      .map((line) =>
        line.replace(/^\S*?(\d+\.ts)\((\d+),(\d+)\)/, (whole, name, row, column) => {
          const example = whole.includes(basename(folder)) && names.get(name);
          return example ? `${example.document}:${row}:${column}` : whole;
        }),
      );
    return code === 0 || lines.length > 0 ? lines : [`tsc ended with ${code}`];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const tsc = (...args: string[]) =>
  new Promise<{ code: number; output: string }>((resolve) => {
    const script = join(root, "node_modules/typescript/bin/tsc");
    execFile(process.execPath, [script, ...args], { cwd: root, maxBuffer: 1e8 }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: stdout + stderr }),
    );
  });

describe("documentation", () => {
  it("has examples that compile", { timeout: 60_000 }, async () => {
    const documents = globSync(["README.md", "docs/**/*.md"], { cwd: root });
    const all = documents.flatMap((path) => examples(path, readFileSync(join(root, path), "utf8")));
    expect(await complaints(all)).toEqual([]);
  });

  it("is told of an example that does not compile, by document and line", { timeout: 60_000 }, async () => {
    const text =
      "# Title\n\n```ts\nawait Promise.resolve();\n```\n\n```ts\nconst n: number = 1;\nconst s: string = n;\n```\n";
    const worker = '```ts\nimport { DurableObject } from "cloudflare:workers";\nnew DurableObject(1);\n```\n';
    const found = await complaints([...examples("a.md", text), ...examples("b.md", worker)]);
    expect(found.join("\n")).toMatch(/^a\.md:9:7: error TS2322/m);
    expect(found.join("\n")).toMatch(/^b\.md:3:\d+: error TS/m);
  });
});
