/**
 * `npm run bench:collector`: events a second that one workerd collects, observer included, beside a bare Hono route in the
 * same process that only parses the same JSON. The two take turns, and what counts is the median of the turns' ratios by
 * the clock. What the machine does besides slows both; the second ratio is by the processor's time that workerd took.
 *
 * --seconds=<number>  of each turn. Default 2
 * --turns=<number>    of each of the two, one after the other. Default 7
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { BareWorkerd } from "../e2e/bare-workerd.ts";
import { freePort } from "../e2e/running-demo.ts";

const folder = fileURLToPath(new URL("../../.reports/collector/", import.meta.url));
mkdirSync(folder, { recursive: true });
const { values: flags } = parseArgs({
  options: { seconds: { type: "string", default: "2" }, turns: { type: "string", default: "7" } },
});

/** What the issue asks for. */
const target = 0.6;
/** As many as `batch` sends at most at a time. */
const eventsInBatch = 200;
const senders = 8;
const key = "bench";
const at = Date.now();
const body = JSON.stringify({
  version: 1,
  source: { id: "benchpage", kind: "page" },
  sentAt: at,
  dropped: 0,
  events: Array.from({ length: eventsInBatch }, (_, index) => ({
    type: "request.succeeded",
    policy: `policy ${index % 20}`,
    at: at - index,
    duration: 5 + (index % 100),
    attempts: 1,
    circuits: [{ circuit: `policy ${index % 20}`, state: "closed", result: "success" }],
    inTime: 1,
  })),
});

const edge = await BareWorkerd.start({
  entry: "test/workers/collecting-worker.ts",
  port: await freePort(),
  vars: {
    UPSTREAMS: "{}",
    PUBLIC_READS: "true",
    INGEST_RATE: "1000000",
    INGEST_KEYS: JSON.stringify({ [key]: ["*"] }),
  },
});
try {
  const turns = { collector: [] as Pace[], bare: [] as Pace[] };
  await paceOf("/v1/events", 2);
  await paceOf("/bare", 2);
  for (let turn = 0; turn < Number(flags.turns); turn++) {
    turns.bare.push(await paceOf("/bare", Number(flags.seconds)));
    turns.collector.push(await paceOf("/v1/events", Number(flags.seconds)));
  }
  const raw = body.length / eventsInBatch;
  const packed = gzipSync(body).length / eventsInBatch;
  const by = (of: keyof Pace) => {
    const ratios = turns.collector.map((pace, turn) => pace[of] / (turns.bare[turn] as Pace)[of]);
    const [collector, bare] = [turns.collector, turns.bare].map((paces) =>
      median(paces.map((pace) => pace[of])),
    );
    return { collector: collector as number, bare: bare as number, ratio: median(ratios) };
  };
  const [clock, processor] = [by("second"), by("busySecond")];
  const result = { clock, processor, bytesAnEvent: { raw, packed }, turns };
  writeFileSync(`${folder}collector.json`, `${JSON.stringify(result, undefined, 2)}\n`);
  const text = ({ collector, bare, ratio }: typeof clock): string =>
    `${Math.round(collector)}, bare route ${Math.round(bare)}, ratio ${ratio.toFixed(2)}`;
  console.log(`bytes an event ${raw.toFixed(0)}, packed ${packed.toFixed(1)}`);
  console.log(`events in a second of the processor ${text(processor)}`);
  console.log(`collector events/s ${text(clock)}`);
  process.exitCode = clock.ratio >= target ? 0 : 1;
} finally {
  await edge.remove();
}

/** Events that were taken, by seconds. */
interface Pace {
  /** Of the processor's time that workerd took. */
  readonly busySecond: number;
  readonly second: number;
}

/** Sends as fast as it is taken, by a few at a time. */
async function paceOf(path: string, seconds: number): Promise<Pace> {
  const before = processorTime();
  const began = performance.now();
  const end = began + seconds * 1_000;
  let taken = 0;
  const sender = async (): Promise<void> => {
    while (performance.now() < end) {
      const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
      const response = await fetch(`${edge.origin}${path}`, { method: "POST", headers, body });
      if (response.status !== 202)
        throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
      taken += ((await response.json()) as { accepted: number }).accepted;
    }
  };
  await Promise.all(Array.from({ length: senders }, sender));
  const second = (taken * 1_000) / (performance.now() - began);
  return { busySecond: taken / (processorTime() - before), second };
}

/** Seconds of a processor that workerd has taken, in the hundredths that Linux counts in. */
function processorTime(): number {
  const fields = readFileSync(`/proc/${edge.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}
