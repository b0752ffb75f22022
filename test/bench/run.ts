/**
 * `npm run bench`: what our policies and the peers' cost while all is well, and when a circuit refuses.
 *
 * All in one process, in turns, medians over rounds. Ours is the source, bundled for ES2022 as `npm run build` compiles
 * it; the peers are as npm installed them. Times are over the bare call.
 *
 * --quick        a fifth of the rounds
 * --only=<text>  the sections whose title contains it
 * --profile      a flame graph of the stack instead
 * --memory       that memory stays flat over ten million calls instead, see memory.ts
 * --write        puts the tables into docs/benchmarks.md
 *
 * Ends with an exit code of 1 when a target could not be measured; a target that was missed is a figure like the others.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { bundled, reports, root } from "./bundle.ts";
import { flameGraph, profile } from "./flame.ts";
import type { OverLoopback } from "./loopback.ts";
import type { Effort } from "./measure.ts";
import { memory } from "./memory.ts";
import {
  instanceTable,
  type Results,
  type SectionResult,
  sectionTable,
  targets,
  targetTable,
} from "./report.ts";

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    profile: { type: "boolean", default: false },
    memory: { type: "boolean", default: false },
    calls: { type: "string", default: "10000000" },
    write: { type: "boolean", default: false },
  },
});
const effort: Effort = flags.quick
  ? { rounds: 101, turn: 1, warmUp: 50 }
  : { rounds: 301, turn: 1, warmUp: 100 };

if (flags.memory) process.exit(await memory(Number(flags.calls)));

const suite = (await import(await bundled("suite.ts"))) as typeof import("./suite.ts");
const chosen = (await suite.sections()).filter(({ title }) => title.includes(flags.only));

if (flags.profile) {
  const stack = chosen.find(({ title }) => title.startsWith("retry >"));
  const call = stack?.contestants.find(({ name }) => name === "ninelives");
  if (call === undefined) throw new Error(`no stack in ${JSON.stringify(flags.only)}`);
  const taken = await profile(call, 3_000);
  writeFileSync(`${reports}stack.cpuprofile`, JSON.stringify(taken));
  writeFileSync(`${reports}stack.svg`, flameGraph(taken, "retry > breaker > timeout > bulkhead"));
  console.log("flame graph .reports/bench/stack.svg");
  process.exit();
}

const sections: SectionResult[] = [];
for (const section of chosen) {
  const measured = [];
  for (const timing of await suite.measure(section, effort)) {
    const contestant = section.contestants.find(({ name }) => name === timing.name);
    if (contestant !== undefined) measured.push({ ...timing, bytes: await suite.bytesPerCall(contestant) });
  }
  sections.push({ title: section.title, measured });
  console.log(`\n${sectionTable({ title: section.title, measured })}`);
}
let loopback: readonly OverLoopback[] = [];
if (suite.loopbackTitle.includes(flags.only)) {
  loopback = await suite.overLoopback({ ...effort, rounds: Math.ceil(effort.rounds / 5) });
  console.log(`\n${suite.loopbackTable(loopback)}`);
}
if (flags.only !== "") process.exit();

const [, emitting] = await suite.measure(suite.emitters(), effort);
const instances = Object.fromEntries(
  Object.entries(suite.instances).map(([name, make]) => [name, suite.bytesPerInstance(make)]),
);
const results: Results = {
  node: process.version,
  rounds: effort.rounds,
  sections,
  loopback,
  event: (emitting?.overhead ?? Number.NaN) / suite.eventsPerCall,
  instances,
};
const reached = targets(results);
console.log(`\n${instanceTable(instances)}\n\n${targetTable(reached)}\n`);
writeFileSync(
  `${reports}results.json`,
  `${JSON.stringify({ ...results, targets: reached }, undefined, 2)}\n`,
);
if (flags.write) writeTables();
console.log(`events into a ring ${results.event.toFixed(0)} ns each, json .reports/bench/results.json`);
const stack = reached.find(({ what }) => what.endsWith("bulkhead, to cockatiel's"));
console.log(`stack ratio to cockatiel ${stack?.measured.toFixed(3)}`);
// A peer's timers would keep the process.
process.exit(reached.some(({ measured }) => Number.isNaN(measured)) ? 1 : 0);

function writeTables(): void {
  const path = `${root}docs/benchmarks.md`;
  const [load = 0] = loadavg();
  const machine = `Node ${process.version} on ${cpus().length} × ${cpus()[0]?.model}, load ${load.toFixed(1)}, ${effort.rounds} rounds.`;
  const parts = [
    machine,
    targetTable(reached),
    ...sections.map(sectionTable),
    suite.loopbackTable(loopback),
    instanceTable(instances),
  ];
  const tables = parts.join("\n\n");
  const text = readFileSync(path, "utf8");
  const [before, after] = ["<!-- tables -->", "<!-- end of tables -->"] as const;
  const [head] = text.split(before);
  const [, tail] = text.split(after);
  writeFileSync(path, `${head}${before}\n\n${tables}\n\n${after}${tail}`);
}
