/**
 * `npm run simulate`: what back-off, jitter and hedges are worth, on virtual time with the policies themselves.
 *
 * --seeds=<number>  runs of each experiment. Default 20
 * --write           puts the plots into docs/images and the tables into docs/simulations.md
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = `${root}.reports/simulation/`;
mkdirSync(folder, { recursive: true });

const { values: flags } = parseArgs({
  options: { seeds: { type: "string", default: "20" }, write: { type: "boolean", default: false } },
});

// The source by its public names, which Node knows only of what is built.
await build({
  entryPoints: [`${root}test/simulation/experiments.ts`],
  outfile: `${folder}experiments.mjs`,
  tsconfig: `${root}tsconfig.json`,
  bundle: true,
  format: "esm",
  platform: "node",
  logLevel: "warning",
});
const { experiments } = (await import(`${folder}experiments.mjs`)) as typeof import("./experiments.ts");

const seeds = Number(flags.seeds);
let violations = 0;
const tables: string[] = [];
for (const experiment of experiments) {
  const began = performance.now();
  const { name, table, svg, results, violations: broken } = await experiment(seeds);
  console.log(`\n${name} (${((performance.now() - began) / 1_000).toFixed(1)} s)\n\n${table}`);
  for (const each of broken) console.log(`  ${each}`);
  violations += broken.length;
  tables.push(table);
  writeFileSync(
    `${folder}${name}.json`,
    `${JSON.stringify({ seeds, results, violations: broken }, undefined, 2)}\n`,
  );
  writeFileSync(`${folder}${name}.svg`, svg);
  if (flags.write) writeFileSync(`${root}docs/images/${name}.svg`, svg);
}
if (flags.write) writeTables();
console.log(`\nseeds ${seeds} violations ${violations}`);
process.exitCode = violations === 0 ? 0 : 1;

/** Each table goes between the next pair of marks. */
function writeTables(): void {
  const path = `${root}docs/simulations.md`;
  const parts = readFileSync(path, "utf8").split(/(?<=<!-- table -->\n)[\s\S]*?(?=<!-- end of table -->)/);
  writeFileSync(
    path,
    parts.map((part, index) => part + (tables[index] ? `\n${tables[index]}\n\n` : "")).join(""),
  );
}
