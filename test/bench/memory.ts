/**
 * `node test/bench/memory.ts`: memory stays flat, over ten million calls of the stack (`--calls=` for another number).
 *
 * Ends with a line that holds the growth in bytes a call, and with an exit code of 1 when there is any to speak of.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { bundled, reports } from "./bundle.ts";

const { values: flags } = parseArgs({ options: { calls: { type: "string", default: "10000000" } } });
const calls = Number(flags.calls);
const steps = 10;
/** Bytes a call: a leak of one small object a call would be 16 at least. */
const allowed = 0.5;

const suite = (await import(await bundled("suite.ts"))) as typeof import("./suite.ts");
const stack = (await suite.sections()).find(({ title }) => title.startsWith("retry >"));
const contestants = stack?.contestants.filter(({ name }) => name.startsWith("ninelives")) ?? [];

let worst = 0;
const results = [];
for (const { name, call } of contestants) {
  // The compiler and the ring of events fill up first.
  for (let warm = 0; warm < calls / 100; warm++) await call();
  const heaps = [suite.heapAfterCollection()];
  for (let step = 0; step < steps; step++) {
    for (let each = 0; each < calls / steps; each++) await call();
    heaps.push(suite.heapAfterCollection());
    console.log(
      `${name}: ${((calls / steps) * (step + 1)).toExponential(1)} calls, heap ${inMegabytes(heaps.at(-1))}`,
    );
  }
  const growth = ((heaps.at(-1) ?? 0) - (heaps[0] ?? 0)) / calls;
  results.push({ name, calls, heaps, growth });
  worst = Math.max(worst, growth);
}
writeFileSync(`${reports}memory.json`, `${JSON.stringify(results, undefined, 2)}\n`);
console.log(`memory growth ${worst.toFixed(3)} bytes a call over ${calls} calls`);
process.exit(worst > allowed || contestants.length === 0 ? 1 : 0);

function inMegabytes(bytes = 0): string {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}
