/**
 * `npm run mutation`: changes the source in one place at a time and looks whether a test notices.
 *
 * A mutant is one swapped operator or number, or one statement left out, in src/core, src/state or src/policies. Takes
 * 3 to 6 s a mutant, 5 to 10 minutes for the default sample.
 *
 * --sample=<number>  mutants to try. Default 80
 * --seed=<number>    which ones. Default 1
 * --only=<text>      in files whose path contains it
 */
import { spawn } from "node:child_process";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Mutant, mutantsOf } from "./mutants.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values: flags } = parseArgs({
  options: {
    sample: { type: "string", default: "80" },
    seed: { type: "string", default: "1" },
    only: { type: "string", default: "" },
  },
});

/** Mulberry32: so that a seed is a sample. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Whether the tests fail. A mutant that makes them run on and on is noticed, too. */
function noticed(mutant: Mutant, tests: readonly string[]): Promise<boolean> {
  const child = spawn(
    process.execPath,
    [`${root}node_modules/vitest/vitest.mjs`, "run", "--project", "node", "--bail", "1", ...tests],
    {
      cwd: root,
      stdio: "ignore",
      timeout: 60_000,
      env: { ...process.env, CASES: "50", MUTANT: JSON.stringify(mutant) },
    },
  );
  return new Promise((resolve) => child.on("close", (code) => resolve(code !== 0)));
}

const files = globSync("src/{core,state,policies}/*.ts", { cwd: root }).sort();
const all = files
  .filter((file) => file.includes(flags.only))
  .flatMap((file) => mutantsOf(file, readFileSync(root + file, "utf8")));
const next = random(Number(flags.seed));
const sample = all
  .map((mutant) => ({ mutant, order: next() }))
  .sort((a, b) => a.order - b.order)
  .slice(0, Number(flags.sample))
  .map(({ mutant }) => mutant);

const began = performance.now();
const survivors: Mutant[] = [];
for (const mutant of sample) {
  const own = `test/${basename(dirname(mutant.file))}/${basename(mutant.file, ".ts")}.test.ts`;
  const dead =
    (existsSync(root + own) && (await noticed(mutant, [own]))) ||
    (await noticed(mutant, [
      "test/core",
      "test/state",
      "test/policies",
      "test/issues",
      "test/laws",
      "test/fetch",
    ]));
  if (dead) continue;
  survivors.push(mutant);
  console.log(`${mutant.file}:${mutant.line}\n  - ${mutant.before.trim()}\n  + ${mutant.after.trim()}`);
}
const minutes = ((performance.now() - began) / 60_000).toFixed(1);
const score = (1 - survivors.length / sample.length).toFixed(3);
mkdirSync(`${root}.reports`, { recursive: true });
writeFileSync(
  `${root}.reports/mutation.json`,
  `${JSON.stringify({ seed: flags.seed, sample: sample.length, of: all.length, score, survivors }, undefined, 2)}\n`,
);
console.log(
  `mutants ${sample.length} of ${all.length} survivors ${survivors.length} score ${score} (${minutes} min)`,
);
