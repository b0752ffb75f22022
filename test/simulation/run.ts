/**
 * `npm run simulate`: what back-off, jitter and hedges are worth, what a fleet's shared state costs and gains, and whether
 * it holds what must hold under faults, on virtual time with the policies themselves.
 *
 * --seeds=<number>  runs of each experiment. Default 20
 * --faults=<number> runs of shared state under faults, a seed each. Default 200; when it is given, nothing else is run
 * --threads=<number> for those. Default one for each core
 * --fleets=<list>   isolates of the fleets that share a circuit. Default 10,100,1000; when it is given, nothing else is run
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
    threads: { type: "string" },
    fleets: { type: "string" },
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
const { experiments, fleetExperiments } = (await import(
  `${folder}experiments.mjs`
)) as typeof import("./experiments.ts");

const seeds = Number(flags.seeds);
let violations = 0;
const fleets = (flags.fleets ?? "10,100,1000").split(",").map(Number);
const all = flags.fleets === undefined && flags.faults === undefined;
const tables = new Map<string, string[]>();
for (const experiment of all ? experiments : flags.fleets === undefined ? [] : fleetExperiments) {
  const began = performance.now();
  const {
    name,
    page = "simulations.md",
    table,
    svg,
    results,
    violations: broken,
  } = await experiment({ seeds, fleets });
  console.log(`\n${name} (${((performance.now() - began) / 1_000).toFixed(1)} s)\n\n${table}`);
  for (const each of broken) console.log(`  ${each}`);
  violations += broken.length;
  tables.set(page, [...(tables.get(page) ?? []), ...table.split("\n\n")]);
  writeFileSync(
    `${folder}${name}.json`,
    `${JSON.stringify({ seeds, results, violations: broken }, undefined, 2)}\n`,
  );
  writeFileSync(`${folder}${name}.svg`, svg);
  if (flags.write) writeFileSync(`${root}docs/images/${name}.svg`, svg);
}
if (flags.write) for (const [page, shown] of tables) writeTables(page, shown);
const runs = flags.faults !== undefined || all ? await faults(Number(flags.faults ?? 200)) : seeds;
console.log(`seeds ${runs} violations ${violations}`);
process.exitCode = violations === 0 ? 0 : 1;

/** Shared state under faults. Gives the number of seeds. */
async function faults(runs: number): Promise<number> {
  const began = performance.now();
  console.log("\nshared state under faults");
  const thread = new URL(`file://${folder}faults-thread.mjs`);
  const threads = flags.threads === undefined ? undefined : Number(flags.threads);
  const { broken, ...sums } = await underFaults(runs, thread, (line) => console.log(line), threads);
  violations += broken.reduce((sum, each) => sum + each.violations.length, 0);
  writeFileSync(`${folder}shared-state.json`, `${JSON.stringify({ ...sums, broken }, undefined, 2)}\n`);
  const took = ((performance.now() - began) / 1_000).toFixed(0);
  const { populations, large, replicas, calls, reports, met, excess, well } = sums;
  console.log(
    `seeds of ${Object.entries(populations)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ")}; ${large} of 100 replicas and more`,
  );
  console.log(
    `${replicas} replicas, ${calls} calls, ${reports} reports, ${met} writes that met another, ${took} s`,
  );
  const shown = (most: readonly number[]): string => most.map((each) => each.toFixed(2)).join(", ");
  console.log(
    `calls of a replica beyond what was leased, in 1, 10 and 60 s: ${shown(excess)}; beyond the limit: ${shown(well)}`,
  );
  return runs;
}

/** Each table goes between the next pair of marks. */
function writeTables(page: string, shown: readonly string[]): void {
  const path = `${root}docs/${page}`;
  const parts = readFileSync(path, "utf8").split(/(?<=<!-- table -->\n)[\s\S]*?(?=<!-- end of table -->)/);
  writeFileSync(
    path,
    parts.map((part, index) => part + (shown[index] ? `\n${shown[index]}\n\n` : "")).join(""),
  );
}
