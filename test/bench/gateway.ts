/**
 * `npm run bench:gateway`: what the deployed gateway costs beside a Worker that only fetches, and what it does about a dead
 * upstream.
 *
 * The bundle is the one that `wrangler deploy` would send, in plain workerd, with the policy that an upstream has by
 * default, circuits shared through Durable Objects, and telemetry on. Both Workers run in one process and are loaded in
 * turn. `--rounds 10 --seconds 2 --connections 16`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { createServer } from "node:net";
import { parseArgs } from "node:util";
import { reports } from "./bundle.ts";
import { Edge, type EdgePorts } from "./edge.ts";
import { table } from "./report.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "10" },
    seconds: { type: "string", default: "2" },
    connections: { type: "string", default: "16" },
  },
});
const rounds = Number(values.rounds);
const milliseconds = Number(values.seconds) * 1_000;
const connections = Number(values.connections);

/** What a load of requests came to. */
interface Load {
  readonly perSecond: number;
  /** How often each status was answered. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Milliseconds of the answers of each status. */
  readonly latencies: Readonly<Record<string, readonly number[]>>;
}

const agent = new Agent({ keepAlive: true, maxSockets: connections });

const ask = (url: string): Promise<number> =>
  new Promise((resolve, reject) => {
    request(url, { agent }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    })
      .on("error", reject)
      .end();
  });

/** Asks for so long, each connection anew as soon as it was answered. */
async function load(url: string, ms: number, at = connections): Promise<Load> {
  const latencies: Record<string, number[]> = {};
  const began = performance.now();
  await Promise.all(
    Array.from({ length: at }, async () => {
      for (let now = performance.now(); now - began < ms; ) {
        const status = await ask(url);
        const then = performance.now();
        latencies[status] ??= [];
        latencies[status].push(then - now);
        now = then;
      }
    }),
  );
  const statuses = Object.fromEntries(Object.entries(latencies).map(([status, all]) => [status, all.length]));
  const total = Object.values(statuses).reduce((sum, count) => sum + count, 0);
  return { perSecond: (total * 1_000) / (performance.now() - began), statuses, latencies };
}

function quantile(all: readonly number[], q: number): number {
  const sorted = [...all].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

const round = (value: number, digits = 2): number => Number(value.toFixed(digits));

function summary(loads: readonly Load[], worked: number) {
  const latencies = loads.flatMap((each) => each.latencies[200] ?? []);
  return {
    perSecond: Math.round(
      quantile(
        loads.map(({ perSecond }) => perSecond),
        0.5,
      ),
    ),
    p50: round(quantile(latencies, 0.5)),
    p99: round(quantile(latencies, 0.99)),
    answers: latencies.length,
    /** Microseconds of the processor for each request. */
    processor: Math.round((worked * 1_000) / latencies.length),
    others: loads.reduce(
      (sum, { statuses }) =>
        sum +
        Object.entries(statuses).reduce((all, [status, count]) => all + (status === "200" ? 0 : count), 0),
      0,
    ),
  };
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

async function measure(ports: EdgePorts, edge: Edge) {
  const urls = {
    plain: `http://127.0.0.1:${ports.plain}/some/path`,
    bare: `http://127.0.0.1:${ports.gateway}/gateway/bare/some/path`,
    gateway: `http://127.0.0.1:${ports.gateway}/gateway/origin/some/path`,
  };
  const names = ["plain", "bare", "gateway"] as const;
  const loads: Record<keyof typeof urls, Load[]> = { plain: [], bare: [], gateway: [] };
  const worked = { plain: 0, bare: 0, gateway: 0 };
  for (const url of Object.values(urls)) await load(url, milliseconds);
  const ratios: number[] = [];
  for (let index = 0; index < rounds; index++) {
    // Whichever is first has the colder caches.
    for (const name of index % 2 === 0 ? names : names.toReversed()) {
      const before = edge.worked() ?? Number.NaN;
      loads[name].push(await load(urls[name], milliseconds));
      worked[name] += (edge.worked() ?? Number.NaN) - before;
    }
    ratios.push((loads.gateway.at(-1)?.perSecond ?? 0) / (loads.plain.at(-1)?.perSecond ?? 1));
  }
  const calls = async () => Number(await (await fetch(`http://127.0.0.1:${ports.origin}/calls`)).text());
  const before = await calls();
  // All at once, as when an upstream dies; then one by one, since how long an answer takes says a full queue no more.
  const url = `http://127.0.0.1:${ports.gateway}/gateway/dead/`;
  const storm = await load(url, 5_000);
  const calm = await load(url, 2_000, 1);
  // The origin's own answers are 500.
  const refused = calm.latencies[503] ?? [];
  return {
    ratio: round(quantile(ratios, 0.5)),
    ratios: ratios.map((each) => round(each)),
    plain: summary(loads.plain, worked.plain),
    bare: summary(loads.bare, worked.bare),
    gateway: summary(loads.gateway, worked.gateway),
    dead: {
      storm: storm.statuses,
      calm: calm.statuses,
      requests: (storm.latencies[503]?.length ?? 0) + refused.length,
      originCalls: (await calls()) - before,
      p50: round(quantile(refused, 0.5)),
      p99: round(quantile(refused, 0.99)),
    },
  };
}

const ports: EdgePorts = { gateway: await freePort(), plain: await freePort(), origin: await freePort() };
const edge = await Edge.start(ports);
try {
  const results = await measure(ports, edge);
  const { plain, bare, gateway, dead, ratio } = results;
  const row = (name: string, { perSecond, p50, p99, processor, others }: typeof plain) =>
    [name, ...[perSecond, p50.toFixed(2), p99.toFixed(2), processor, others].map(String)] as const;
  console.log(
    table(
      [
        `${connections} connections, ${rounds} rounds in turn`,
        "requests/s",
        "p50 ms",
        "p99 ms",
        "CPU µs",
        "not 200",
      ],
      [
        row("a Worker that only fetches", plain),
        row("the gateway without policy and telemetry", bare),
        row("the gateway", gateway),
      ],
    ),
  );
  console.log(
    `dead upstream: ${dead.requests} refused, ${dead.originCalls} calls of the origin, one by one p50 ${dead.p50} ms, p99 ${dead.p99} ms`,
  );
  mkdirSync(reports, { recursive: true });
  writeFileSync(
    `${reports}gateway.json`,
    `${JSON.stringify({ node: process.version, connections, rounds, seconds: milliseconds / 1_000, ...results }, null, 2)}\n`,
  );
  console.log(`throughput ratio ${ratio.toFixed(2)}`);
} finally {
  agent.destroy();
  await edge.stop();
}
