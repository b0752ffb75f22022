import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { removeLeftovers } from "./esbuild.leftovers.ts";
import { trimmed } from "./esbuild.trimmed.ts";

/** What `npm run build` makes: the package (dist/src, dist/workers), then the pages that the Workers serve. */
const pages = [
  { entries: ["web/main.tsx", "web/styles/dashboard.css"], statics: "web/public", outdir: "dist/web" },
  { entries: ["demo/pages/main.ts"], statics: "demo/pages/public", outdir: "dist/demo" },
];

/** What is in dist in the end. It is written over, and never removed as a whole: a server may watch it. */
const written = ["dist/src/cli/ninelives.js"];
/** How the compiler tells of a file that it wrote. */
const mark = "TSFILE: ";

// The workers resolve `ninelives/...` to the dist of src, hence the order.
compile("tsconfig.build.json", "src/index.ts");
compile("tsconfig.build-workers.json", "workers/hono.ts");

// One file, so that it starts at once.
await build({
  entryPoints: ["src/cli/main.ts"],
  outfile: "dist/src/cli/ninelives.js",
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  logLevel: "warning",
});
chmodSync("dist/src/cli/ninelives.js", 0o755);

await Promise.all(
  pages
    .filter(({ entries }) => entries.every((entry) => existsSync(entry)))
    .map(async ({ entries, statics, outdir }) => {
      const { metafile } = await build({
        entryPoints: entries,
        outdir,
        entryNames: "[name]",
        bundle: true,
        format: "esm",
        splitting: true,
        minify: true,
        sourcemap: true,
        metafile: true,
        target: "es2022",
        jsx: "automatic",
        jsxImportSource: "hono/jsx/dom",
        logLevel: "warning",
        plugins: [trimmed],
      });
      written.push(...Object.keys(metafile.outputs));
      if (!existsSync(statics)) return;
      cpSync(statics, outdir, { recursive: true });
      written.push(...filesIn(statics).map((file) => join(outdir, file)));
    }),
);

removeLeftovers("dist", written);

function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" });
}

function compile(project: string, entry: string): void {
  if (!existsSync(entry)) return;
  const { status, stdout } = spawnSync("tsc", ["--project", project, "--listEmittedFiles"], {
    stdio: ["inherit", "pipe", "inherit"],
    encoding: "utf8",
  });
  const lines = stdout.split(/\r?\n/);
  const emitted = lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(mark.length));
  written.push(...emitted);
  const told = lines.filter((line) => line !== "" && !line.startsWith(mark));
  if (told.length > 0) console.error(told.join("\n"));
  if (status !== 0) process.exit(status ?? 1);
}
