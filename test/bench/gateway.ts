/**
 * `npm run bench:gateway`: what the deployed gateway costs beside a Worker that only fetches, and what it does about a dead
 * upstream.
 *
 * The bundle is the one that `wrangler deploy` would send, in plain workerd, with the policy that an upstream has by
 * default, circuits shared through Durable Objects, and telemetry on. All run in one process, Durable Objects too, and are
 * loaded in turn; what stands between the two is the ladder of what a gateway cannot do without. Fails below its bars.
 * `--rounds 50 --seconds 0.2 --connections 16`.
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
    // Short turns: what else the machine does is then about the same for all of a round.
    rounds: { type: "string", default: "50" },
    seconds: { type: "string", default: "0.2" },
    connections: { type: "string", default: "16" },
  },
});
const rounds = Number(values.rounds);
const milliseconds = Number(values.seconds) * 1_000;
const connections = Number(values.connections);

/** What the issue asks for: of the throughput of a bare Worker, and milliseconds for an answer while the upstream is down. */
const leastRatio = 0.9;
const mostForRefusal = 5;
/** Calls that an upstream that is down may get before its circuit opens, from connections that ask all at once. */
const mostCalls = 100;

/** What a load of requests came to. */
interface Load {
  readonly perSecond: number;
  /** How often each status was answered. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Milliseconds of the answers of each status. */
  readonly latencies: Readonly<Record<string, readonly number[]>>;
  /** Calls of the upstream, as the gateway tells. */
  readonly attempts: number;
}

const agent = new Agent({ keepAlive: true, maxSockets: connections });

const ask = (url: string): Promise<{ readonly status: number; readonly attempts: number }> =>
  new Promise((resolve, reject) => {
    request(url, { agent }, (response) => {
      const { statusCode: status = 0, headers } = response;
      const attempts = Number(headers["x-ninelives-attempts"] ?? 0);
      response.resume().on("end", () => resolve({ status, attempts }));
    })
      .on("error", reject)
      .end();
  });

/** Asks for so long, each connection anew as soon as it was answered. */
async function load(url: string, ms: number, at = connections): Promise<Load> {
  const latencies: Record<string, number[]> = {};
  let calls = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: at }, async () => {
      for (let now = performance.now(); now - began < ms; ) {
        const { status, attempts } = await ask(url);
        calls += attempts;
        const then = performance.now();
        latencies[status] ??= [];
        latencies[status].push(then - now);
        now = then;
      }
    }),
  );
  const statuses = Object.fromEntries(Object.entries(latencies).map(([status, all]) => [status, all.length]));
  const total = Object.values(statuses).reduce((sum, count) => sum + count, 0);
  return { perSecond: (total * 1_000) / (performance.now() - began), statuses, latencies, attempts: calls };
}

function quantile(all: readonly number[], q: number): number {
  const sorted = [...all].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

const round = (value: number, digits = 2): number => Number(value.toFixed(digits));

function summary(loads: readonly Load[], processor: number) {
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
    processor: Math.round(processor),
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

/** From what only fetches to the whole: each does what the one before it does, and one thing more. */
const ladder = [
  ["plain", "a Worker that only fetches"],
  ["headers", "+ headers of its own"],
  ["answer", "+ an answer that says what was done"],
  ["timer", "+ a signal and a timer"],
  ["bare", "the gateway, without policy and telemetry"],
  ["quiet", "the gateway, without telemetry"],
  ["gateway", "the gateway"],
] as const;
type Rung = (typeof ladder)[number][0];

function urlOf(rung: Rung, ports: EdgePorts): string {
  const step = (number: number) => `http://127.0.0.1:${ports.floors}/some/${number}`;
  const through = (upstream: string) => `http://127.0.0.1:${ports.gateway}/gateway/${upstream}/some/path`;
  return {
    plain: `http://127.0.0.1:${ports.plain}/some/path`,
    headers: step(1),
    answer: step(2),
    timer: step(3),
    bare: through("bare"),
    quiet: through("quiet"),
    gateway: through("origin"),
  }[rung];
}

/** Of each rung: what it came to, and its share of the plain Worker's throughput and of its processor time. */
async function climb(ports: EdgePorts, edge: Edge) {
  const rungs = ladder.map(([rung]) => ({
    url: urlOf(rung, ports),
    loads: [] as Load[],
    worked: [] as number[],
  }));
  // The first round is for the compiler.
  for (let index = -1; index < rounds; index++) {
    // Whichever is first has the colder caches.
    for (const { url, loads, worked } of index % 2 === 0 ? rungs : rungs.toReversed()) {
      const before = edge.worked() ?? Number.NaN;
      const done = await load(url, milliseconds);
      if (index < 0) continue;
      loads.push(done);
      worked.push((((edge.worked() ?? Number.NaN) - before) * 1_000) / (done.latencies[200]?.length ?? 0));
    }
  }
  const [plain] = rungs as [(typeof rungs)[number]];
  return Object.fromEntries(
    rungs.map(({ loads, worked }, index) => {
      const ratios = loads.map(({ perSecond }, turn) => perSecond / (plain.loads[turn]?.perSecond ?? 1));
      const shares = worked.map((each, turn) => (plain.worked[turn] ?? Number.NaN) / each);
      const own = { ratio: round(quantile(ratios, 0.5)), share: round(quantile(shares, 0.5)) };
      return [ladder[index]?.[0], { ...summary(loads, quantile(worked, 0.5)), ...own }];
    }),
  ) as Record<Rung, ReturnType<typeof summary> & { readonly ratio: number; readonly share: number }>;
}

/** An upstream that is down: how it is answered for, and how often it is called all the same. */
async function down(ports: EdgePorts, upstream: "dead" | "gone") {
  const calls = async () => Number(await (await fetch(`http://127.0.0.1:${ports.origin}/calls`)).text());
  const before = await calls();
  // All at once, as when an upstream dies; then one by one, since how long an answer takes says a full queue no more.
  const url = `http://127.0.0.1:${ports.gateway}/gateway/${upstream}/`;
  const storm = await load(url, 5_000);
  const calm = await load(url, 2_000, 1);
  // A call that failed is answered by the origin's own 500, or by 502 where there was none.
  const refused = calm.latencies[503] ?? [];
  const failed = [storm, calm].reduce((sum, { attempts }) => sum + attempts, 0);
  return {
    storm: storm.statuses,
    calm: calm.statuses,
    requests: (storm.latencies[503]?.length ?? 0) + refused.length,
    originCalls: upstream === "dead" ? (await calls()) - before : failed,
    p50: round(quantile(refused, 0.5)),
    p99: round(quantile(refused, 0.99)),
  };
}

const ports: EdgePorts = {
  gateway: await freePort(),
  plain: await freePort(),
  floors: await freePort(),
  origin: await freePort(),
  nobody: await freePort(),
};
const edge = await Edge.start(ports);
try {
  const climbed = await climb(ports, edge);
  const [dead, gone] = [await down(ports, "dead"), await down(ports, "gone")];
  const { gateway } = climbed;
  console.log(
    table(
      [
        `${connections} connections, ${rounds} rounds in turn`,
        "requests/s",
        "of plain",
        "p50 ms",
        "p99 ms",
        "CPU µs",
        "of plain",
        "not 200",
      ],
      ladder.map(([rung, name]) => {
        const { perSecond, ratio, p50, p99, processor, share, others } = climbed[rung];
        return [
          name,
          perSecond,
          ratio.toFixed(2),
          p50.toFixed(2),
          p99.toFixed(2),
          processor,
          share.toFixed(2),
          others,
        ].map(String);
      }),
    ),
  );
  for (const [name, { requests, originCalls, p50, p99 }] of [
    ["an upstream that answers 500", dead],
    ["an upstream that refuses connections", gone],
  ] as const) {
    console.log(
      `${name}: ${requests} refused, ${originCalls} calls of the upstream, one by one p50 ${p50} ms, p99 ${p99} ms`,
    );
  }
  mkdirSync(reports, { recursive: true });
  const measured = { connections, rounds, seconds: milliseconds / 1_000, ladder: climbed, dead, gone };
  writeFileSync(
    `${reports}gateway.json`,
    `${JSON.stringify({ node: process.version, ratio: gateway.ratio, ...measured }, null, 2)}\n`,
  );
  const missed = [
    gateway.ratio < leastRatio && `${gateway.ratio} of the plain Worker's throughput, not ${leastRatio}`,
    gateway.others > 0 && `${gateway.others} requests were not answered by 200`,
    [dead, gone].some(({ p99 }) => !(p99 < mostForRefusal)) && `a refusal took ${mostForRefusal} ms or more`,
    [dead, gone].some(({ originCalls }) => originCalls > mostCalls) &&
      `an upstream that was down got more than ${mostCalls} calls`,
  ].filter((each) => each !== false);
  for (const each of missed) console.log(`missed: ${each}`);
  if (missed.length > 0) process.exitCode = 1;
  console.log(`throughput ratio ${gateway.ratio.toFixed(2)}`);
} finally {
  agent.destroy();
  await edge.stop();
}
