import { writeFileSync } from "node:fs";
import { bundled, reports } from "./bundle.ts";

const steps = 10;
/** Bytes a call: a leak of one small object a call would be 16 at least. */
const allowed = 0.5;
/** The sections of the bench whose calls of ours are repeated. */
const titles = ["retry >", "standard", "fetch"];

/**
 * `npm run bench -- --memory`: memory stays flat, over ten million calls of each stack (`--calls=` for another number).
 *
 * Its last line holds the largest growth in bytes a call.
 *
 * @returns the exit code: 1 when there is any growth to speak of
 */
export async function memory(calls: number): Promise<number> {
  const suite = (await import(await bundled("suite.ts"))) as typeof import("./suite.ts");
  const contestants = (await suite.sections())
    .filter(({ title }) => titles.some((start) => title.startsWith(start)))
    .flatMap((section) => section.contestants.filter(({ name }) => name.startsWith("ninelives")));
  let worst = Number.NEGATIVE_INFINITY;
  const results = [];
  for (const { name, call } of contestants) {
    // The compiler and the ring of events fill up first.
    for (let warm = 0; warm < calls / 100; warm++) await call();
    const heaps = [suite.heapAfterCollection()];
    for (let step = 0; step < steps; step++) {
      for (let each = 0; each < calls / steps; each++) await call();
      heaps.push(suite.heapAfterCollection());
    }
    const [first = 0] = heaps;
    const last = heaps.at(-1) ?? 0;
    const growth = (last - first) / calls;
    console.log(`${name}: heap ${inMegabytes(first)} before, ${inMegabytes(last)} after`);
    results.push({ name, calls, heaps, growth });
    worst = Math.max(worst, growth);
  }
  writeFileSync(`${reports}memory.json`, `${JSON.stringify(results, undefined, 2)}\n`);
  console.log(`memory growth ${worst.toFixed(3)} bytes a call over ${calls} calls`);
  return contestants.length === 0 || worst > allowed ? 1 : 0;
}

function inMegabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}
