/**
 * `npm run bench:observer`: bytes that the observer keeps of one policy, in the isolate of a workerd.
 *
 * --policies=<number>  Default 100
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { BareWorkerd } from "../e2e/bare-workerd.ts";
import { isolateHeap } from "../e2e/isolate-heap.ts";
import { freePort } from "../e2e/running-demo.ts";

const folder = fileURLToPath(new URL("../../.reports/observer/", import.meta.url));
mkdirSync(folder, { recursive: true });
const { values: flags } = parseArgs({ options: { policies: { type: "string", default: "100" } } });
const policies = Number(flags.policies);
/** With the policies that are told apart, the one for all others, and so many of them that no further circuits are told apart. */
const [apart, withCircuits] = [501, 50];

/** Bytes that a busy policy may keep: five hundred of them are then a fifth of what a Durable Object has. */
const most = 50_000;
/** Bytes that all policies together may keep whatever they are told of: a Durable Object has 128 MB. */
const mostHostile = 90_000_000;
/** What each policy sees, by what is printed: slots of five seconds with calls, and how many different latencies in each. */
const loads = {
  "called once": { slots: 1, latencies: 1 },
  "busy, ten latencies a slot": { slots: 180, latencies: 10 },
  "busy, fifty latencies a slot": { slots: 180, latencies: 50 },
} as const;

const inspector = await freePort();
const edge = await BareWorkerd.start({
  entry: "test/workers/observing-worker.ts",
  port: await freePort(),
  inspector,
  vars: {},
});
try {
  const weights: Record<string, number> = {};
  const load = async (query: string): Promise<number> => {
    const response = await fetch(`${edge.origin}/?${query}`);
    if (!response.ok) throw new Error(`the observer answered ${response.status}: ${await response.text()}`);
    return isolateHeap(inspector, "main");
  };
  await load("policies=10&slots=2&latencies=2");
  const bare = await load("policies=0&slots=1&latencies=1");
  for (const [name, { slots, latencies }] of Object.entries(loads)) {
    const bytes = (await load(`policies=${policies}&slots=${slots}&latencies=${latencies}`)) - bare;
    weights[name] = bytes / policies;
    console.log(`bytes a policy, ${name}: ${Math.round(bytes / policies)}`);
  }
  const flood = (await load("policies=10000&slots=1&latencies=1")) - bare;
  console.log(`bytes of ten thousand names: ${flood}`);
  // What each of them takes once the room for circuits is filled shows with as many again.
  const [filled, twice] = [
    await load(`hostile=${withCircuits}&policies=0&slots=1&latencies=1`),
    await load(`hostile=${2 * withCircuits}&policies=0&slots=1&latencies=1`),
  ];
  const hostile = filled - bare + ((apart - withCircuits) * (twice - filled)) / withCircuits;
  console.log(`bytes of the most hostile policies, as many as there may be: ${Math.round(hostile)}`);
  writeFileSync(
    `${folder}observer.json`,
    `${JSON.stringify({ policies, weights, flood, hostile }, undefined, 2)}\n`,
  );
  const worst = Math.max(...Object.values(weights));
  console.log(`bytes a busy policy ${Math.round(worst)}`);
  process.exitCode = worst <= most && hostile <= mostHostile ? 0 : 1;
} finally {
  await edge.remove();
}
