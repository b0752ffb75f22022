/**
 * `npm run simulate`: what back-off, jitter and hedges are worth, what a fleet's shared state costs and gains, and whether
 * it holds what must hold under faults, on virtual time with the policies themselves.
 *
 * --seeds=<number>  runs of each experiment. Default 20
 * --faults=<number> runs of shared state under faults, a seed each. Default 200; when it is given, nothing else is run
 * --write           puts the plots into docs/images and the tables into the pages that show them
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { underFaults } from "./faults.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = `${root}.reports/simulation/`;
mkdirSync(folder, { recursive: true });

const { values: flags } = parseArgs({
  options: {
    seeds: { type: "string", default: "20" },
    faults: { type: "string" },
    write: { type: "boolean", default: false },
  },
});

// The source by its public names, which Node knows only of what is built.
await build({
  entryPoints: ["experiments", "faults-thread"].map((name) => `${root}test/simulation/${name}.ts`),
  outdir: folder,
  outExtension: { ".js": ".mjs" },
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
for (const experiment of flags.faults === undefined ? experiments : []) {
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
const runs = Number(flags.faults ?? 200);
const thread = new URL(`file://${folder}faults-thread.mjs`);
const began = performance.now();
console.log("\nshared state under faults");
const faults = await underFaults(runs, thread, (line) => console.log(line));
violations += faults.broken.reduce((sum, each) => sum + each.violations.length, 0);
writeFileSync(`${folder}shared-state.json`, `${JSON.stringify(faults, undefined, 2)}\n`);
const took = ((performance.now() - began) / 1_000).toFixed(0);
console.log(
  `${faults.replicas} replicas, ${faults.calls} calls, ${faults.reports} reports in ${runs} seeds, ${took} s`,
);
console.log(`seeds ${runs} violations ${violations}`);
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
