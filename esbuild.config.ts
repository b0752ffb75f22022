import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, rmSync } from "node:fs";
import { build } from "esbuild";
import { trimmed } from "./esbuild.trimmed.ts";

/** What `npm run build` makes: the package (dist/src, dist/workers), then the pages that the Workers serve. */
const pages = [
  { entries: ["web/main.tsx", "web/styles/dashboard.css"], statics: "web/public", outdir: "dist/web" },
  { entries: ["demo/pages/main.ts"], statics: "demo/pages/public", outdir: "dist/demo" },
];

// So that a file that was renamed does not live on in the package.
rmSync("dist", { recursive: true, force: true });

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
      await build({
        entryPoints: entries,
        outdir,
        entryNames: "[name]",
        bundle: true,
        format: "esm",
        splitting: true,
        minify: true,
        sourcemap: true,
        target: "es2022",
        jsx: "automatic",
        jsxImportSource: "hono/jsx/dom",
        logLevel: "warning",
        plugins: [trimmed],
      });
      if (existsSync(statics)) cpSync(statics, outdir, { recursive: true });
    }),
);

function compile(project: string, entry: string): void {
  if (!existsSync(entry)) return;
  const { status } = spawnSync("tsc", ["--project", project], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
