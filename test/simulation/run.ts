/**
 * `npm run simulate`: what back-off, jitter and hedges are worth, on virtual time with the policies themselves.
 *
 * --seeds=<number>  runs of each experiment. Default 20
 * --faults=<number> runs of shared state under faults, a seed each. Default 200
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
  options: {
    seeds: { type: "string", default: "20" },
    faults: { type: "string", default: "200" },
    write: { type: "boolean", default: false },
  },
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
const { experiments, shareState } = (await import(
  `${folder}experiments.mjs`
)) as typeof import("./experiments.ts");

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
const underFaults = await faults(Number(flags.faults));
console.log(`\nshared state: seeds ${flags.faults} violations ${underFaults}`);
violations += underFaults;
console.log(`seeds ${seeds} violations ${violations}`);
process.exitCode = violations === 0 ? 0 : 1;

/** Shared state under faults. Gives the number of violations. */
async function faults(runs: number): Promise<number> {
  const broken: { readonly seed: number; readonly violations: readonly string[] }[] = [];
  const sums = { replicas: 0, reports: 0, calls: 0 };
  for (let seed = 1; seed <= runs; seed++) {
    const run = await shareState(seed);
    sums.replicas += run.replicas;
    sums.reports += run.reports;
    sums.calls += run.calls;
    if (run.violations.length === 0) continue;
    broken.push({ seed, violations: run.violations });
    console.log(`  shared state, seed ${seed}: ${run.violations[0]}`);
  }
  const text = JSON.stringify({ seeds: runs, ...sums, broken }, undefined, 2);
  writeFileSync(`${folder}shared-state.json`, `${text}\n`);
  return broken.reduce((sum, each) => sum + each.violations.length, 0);
}

/** Each table goes between the next pair of marks. */
function writeTables(): void {
  const path = `${root}docs/simulations.md`;
  const parts = readFileSync(path, "utf8").split(/(?<=<!-- table -->\n)[\s\S]*?(?=<!-- end of table -->)/);
  writeFileSync(
    path,
    parts.map((part, index) => part + (tables[index] ? `\n${tables[index]}\n\n` : "")).join(""),
  );
}
