import { mkdirSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));
export const reports = `${root}.reports/bench/`;

/**
 * Makes one JavaScript file of an entry and our source, so that nothing is measured but what a user's bundle would run:
 * the same target as `npm run build`, not minified. The peers stay as npm installed them.
 */
export async function bundled(entry: string): Promise<string> {
  mkdirSync(reports, { recursive: true });
  const outfile = `${reports}${entry.replace(/\.ts$/, ".mjs")}`;
  await build({
    entryPoints: [`${root}test/bench/${entry}`],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "es2022",
    packages: "external",
    alias: aliases(),
    sourcemap: "inline",
    logLevel: "warning",
  });
  return pathToFileURL(outfile).href;
}

/** `ninelives/...` would be external too, were it not named as what it is here: our source. */
function aliases(): Record<string, string> {
  const src = `${root}src/`;
  return {
    ninelives: `${src}index.ts`,
    "ninelives/fetch": `${src}fetch/index.ts`,
    "ninelives/telemetry": `${src}telemetry/index.ts`,
  };
}
