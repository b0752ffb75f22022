/** What `fetch` costs over HTTP, with and without policies: a server on this machine, in a thread of its own. */

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import * as ffetch from "@fetchkit/ffetch";
import ky from "ky";
import { identity } from "ninelives";
import { resilientFetch } from "ninelives/fetch";
import { leastFetch, leastFetchName } from "./least-fetch.ts";
import { type Effort, median } from "./measure.ts";
import { table } from "./report.ts";

export interface OverLoopback {
  readonly name: string;
  /** Microseconds a call: the median of all. */
  readonly median: number;
  /** To the native fetch: the median over rounds of the ratio of a round's medians. */
  readonly ratio: number;
}

export const loopbackTitle = "fetch over loopback HTTP";

const server = `
const { createServer } = require("node:http");
const { parentPort } = require("node:worker_threads");
const server = createServer((request, response) => {
  response.setHeader("content-type", "application/json");
  response.end('{"price":5}');
});
server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
`;

/** Calls of one contestant in a round. */
const turns = 40;

/**
 * Times calls one by one, in an order that chance makes anew for each turn, so that what slows the machine down slows all
 * of them, and nobody always comes after a wasteful one. The native fetch stands in it twice: how far that ratio is from 1
 * is the noise.
 */
export async function overLoopback({ rounds }: Effort): Promise<OverLoopback[]> {
  const thread = new Worker(server, { eval: true });
  const [port] = await once(thread, "message");
  const url = `http://127.0.0.1:${port}/prices`;
  const least = leastFetch(fetch);
  const resilient = resilientFetch();
  const bare = resilientFetch({ policy: identity });
  const kyFetch = ky.create({ timeout: 10_000, retry: 2 });
  const ffetchFetch = ffetch.default({ timeout: 10_000, retries: 2 });
  const contestants: readonly (readonly [name: string, call: () => Promise<Response>])[] = [
    ["native fetch", () => fetch(url)],
    ["native fetch, again", () => fetch(url)],
    // What any timeout costs at the least: undici follows the signal that it is given.
    ["native fetch, with a signal", () => fetch(url, { signal: new AbortController().signal })],
    [leastFetchName, () => least(url)],
    ["ninelives resilientFetch, no policy", () => bare(url)],
    ["ninelives resilientFetch", () => resilient(url)],
    ["ky, retry and timeout", () => kyFetch(url)],
    ["ffetch, retry and timeout", () => ffetchFetch(url)],
  ];
  const all = contestants.map((): number[] => []);
  const ratios = contestants.map((): number[] => []);
  // The first rounds are for the compiler.
  for (let round = -rounds; round < rounds; round++) {
    const times = contestants.map(() => new Float64Array(turns));
    for (let turn = 0; turn < turns; turn++) {
      for (const index of shuffled(contestants.length)) {
        const [, call] = contestants[index] as (typeof contestants)[number];
        const start = performance.now();
        await (await call()).text();
        (times[index] as Float64Array)[turn] = (performance.now() - start) * 1_000;
      }
    }
    if (round < 0) continue;
    const medians = times.map(median);
    for (const [index, each] of times.entries()) {
      all[index]?.push(...each);
      ratios[index]?.push((medians[index] as number) / (medians[0] as number));
    }
  }
  await thread.terminate();
  return contestants.map(([name], index) => ({
    name,
    median: median(all[index] as number[]),
    ratio: median(ratios[index] as number[]),
  }));
}

export function loopbackTable(rows: readonly OverLoopback[]): string {
  const cells = rows.map(({ name, median, ratio }) => [name, median.toFixed(0), `${ratio.toFixed(3)} ×`]);
  return table([loopbackTitle, "µs a call", "to native"], cells);
}

/** The numbers below `count`, in any order. */
function shuffled(count: number): number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [order[last], order[other]] = [order[other] as number, order[last] as number];
  }
  return order;
}
