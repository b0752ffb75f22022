import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { Complaint } from "./complaint.ts";
import { root } from "./places.ts";

/** What a build reads. */
const sources = ["src", "workers", "web", "demo", "esbuild.config.ts", "package.json", "package-lock.json"];

/** What it makes, and the demo needs. */
const products = [
  "dist/src/index.js",
  "dist/workers/hono.js",
  "dist/web/index.html",
  "dist/web/main.js",
  "dist/demo/index.html",
  "dist/demo/main.js",
];

/**
 * Builds, unless everything is newer than all that it is made of.
 *
 * @throws Complaint when the build fails
 */
export function build(): void {
  if (Math.min(...products.map(writtenAt)) > Math.max(...sources.map(changedAt))) return;
  const path = `${root}node_modules/.bin:${process.env.PATH ?? ""}`;
  const { status } = spawnSync(process.execPath, ["esbuild.config.ts"], {
    cwd: root,
    env: { ...process.env, PATH: path },
    stdio: "ignore",
  });
  const missing = products.filter((file) => writtenAt(file) === 0);
  if (status !== 0) throw new Complaint("The build fails: `npm run build` says why.");
  if (missing.length > 0)
    throw new Complaint(`The build made no ${missing.join(", ")}: run \`npm run build\`.`);
}

/** When a file was written, or 0 if there is none. */
function writtenAt(path: string): number {
  return statSync(root + path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** When a file, or the last of all that is in a folder, was changed. */
function changedAt(path: string): number {
  const stat = statSync(root + path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  const inside = readdirSync(root + path)
    .filter((name) => name !== ".wrangler")
    .map((name) => changedAt(`${path}/${name}`));
  return Math.max(0, ...inside);
}
