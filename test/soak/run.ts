/**
 * `npm run soak`: events of policies of every kind for a long time, what the Worker, its objects and a dashboard that looks on
 * then weigh, and how long an event takes from the policy that tells of it until the dashboard has painted it.
 *
 * --minutes=<number>   Default 8; an hour, after which no window is filling any more, is 60
 * --rate=<number>      events a second. Default 200
 * --policies=<number>  Default 20
 * --shards=<number>    of the observer. Default 1
 *
 * Needs what `npm run build` makes.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { extname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type CDPSession, chromium as playwright } from "playwright";
import { chromium, chromiumArguments } from "../chromium.ts";
import { BareWorkerd } from "../e2e/bare-workerd.ts";
import { allOf, isolateHeap } from "../e2e/isolate-heap.ts";
import { freePort } from "../e2e/running-demo.ts";
import { type Growth, growthOf, median, ofHeap, ofProcess } from "./growth.ts";
import { Load } from "./load.ts";
import { whenPainted } from "./to-pixel.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = `${root}.reports/soak/`;
mkdirSync(folder, { recursive: true });
const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
};

const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "8" },
    rate: { type: "string", default: "200" },
    policies: { type: "string", default: "20" },
    shards: { type: "string", default: "1" },
  },
});
const [minutes, rate, policies] = [flags.minutes, flags.rate, flags.policies].map(positive) as [
  number,
  number,
  number,
];

/** Milliseconds between looks at how many events were told. */
const turnEvery = 50;
/** Milliseconds that an event may take until a page has painted it, as the median. */
const slowestPixel = 1_000;
const samplesTaken = 40;
/** What is weighed: workerd altogether, the heaps of the Worker's isolate and of its objects', and that of the page. */
type Weighed = "process" | "worker" | "objects" | "page";

const key = "soak";
const inspector = await freePort();
const edge = await BareWorkerd.start({
  entry: "workers/index.ts",
  inspector,
  port: await freePort(),
  vars: {
    UPSTREAMS: "{}",
    OBSERVER_SHARDS: flags.shards,
    PUBLIC_READS: "true",
    INGEST_KEYS: JSON.stringify({ [key]: ["*"] }),
    ALERTS: JSON.stringify({ rules: [{ name: "errors", when: "error-rate", above: 0.5 }] }),
  },
});
const browser = await playwright.launch({
  executablePath: chromium(),
  // A page that a test hands out counts as one of the public network, which may not open sockets to this machine.
  args: [...chromiumArguments, "--disable-features=LocalNetworkAccessChecks"],
});

try {
  let sockets = 0;
  const page = await dashboard(() => sockets++);
  const samples = { process: [], worker: [], objects: [], page: [] } as Record<Weighed, number[]>;
  const toPixel: number[] = [];
  const load = new Load(`${edge.origin}/v1/events`, key, policies);
  const began = performance.now();
  const end = began + minutes * 60_000;
  const sampleEvery = (minutes * 60_000) / samplesTaken;
  let weighing = Promise.resolve();
  let sampleAt = began + sampleEvery;
  for (let turn = 1; performance.now() < end; turn++) {
    load.keepUp((rate * (performance.now() - began)) / 1_000);
    if (performance.now() >= sampleAt) {
      sampleAt += sampleEvery;
      await weighing;
      weighing = sample(page);
      // What it fails with is thrown where it is awaited.
      weighing.catch(() => {});
    }
    await sleep(Math.max(0, began + turn * turnEvery - performance.now()));
  }
  await weighing;
  // Calls that are under way tell of their end.
  await sleep(1_000);
  await load.flush();
  const { told: sent, dropped } = load;
  const state = (await (await fetch(`${edge.origin}/v1/state`)).json()) as {
    events: number;
    dropped: number;
  };
  const shown = await page.send("Runtime.evaluate", { expression: "document.body.innerText" });
  const watched = String(shown.result.value).includes("policy 0");
  const growth: Readonly<Record<Weighed, Growth>> = {
    process: growthOf(samples.process, ofProcess),
    worker: growthOf(samples.worker, ofHeap),
    objects: growthOf(samples.objects, ofHeap),
    page: growthOf(samples.page, ofHeap),
  };
  const delay = median(toPixel);
  const lost = sent - state.events + dropped + state.dropped;
  const reconnected = sockets - 1;
  const result = {
    minutes,
    rate,
    policies,
    sent,
    types: Object.fromEntries(load.types),
    lost,
    watched,
    reconnected,
    delay,
    growth,
    toPixel,
    samples,
  };
  writeFileSync(`${folder}soak.json`, `${JSON.stringify(result, undefined, 2)}\n`);
  const grown = Object.values(growth).map(({ grows }) => grows);
  const violations = [...grown, lost !== 0, !watched, reconnected !== 0, delay > slowestPixel].filter(
    Boolean,
  ).length;
  const seen = `${watched ? "shows" : "does not show"} them and reconnected ${reconnected} times`;
  console.log(
    `sent ${sent} events of ${load.types.size} types in ${minutes} min, lost ${lost}, the dashboard ${seen}`,
  );
  console.log(
    `event to pixel median ${Math.round(delay)} ms, at most ${Math.round(Math.max(...toPixel))} ms of ${toPixel.length}`,
  );
  const weights = Object.entries(growth).map(
    ([what, { early, late, grows }]) => `${what} ${mb(early)} to ${mb(late)} MB${grows ? " (grows)" : ""}`,
  );
  console.log(`${weights.join(", ")} violations ${violations}`);

  /** Weighs everything, and then follows one event until it is painted, while others keep coming. */
  async function sample(page: CDPSession): Promise<void> {
    samples.process.push(residentOf(edge.pid as number));
    samples.worker.push(await isolateHeap(inspector, "main"));
    samples.objects.push(await isolateHeap(inspector, "objects"));
    samples.page.push(await heapOf(page));
    // Not in step with the observer's messages nor with the load's.
    await sleep(Math.random() * 250);
    const to = toPixel.length % 2 === 0 ? "open" : "closed";
    const painted = whenPainted(page, "a pixel", to);
    const at = Date.now();
    await load.turn(to);
    toPixel.push((await painted) - at);
  }
  process.exitCode = violations === 0 ? 0 : 1;
} finally {
  await browser.close();
  await edge.remove();
}

function positive(text: string): number {
  const number = Number(text);
  if (number > 0) return number;
  throw new RangeError(`a flag must be a number above 0, but is ${JSON.stringify(text)}`);
}

/** The dashboard from its build, with the Worker behind it. */
async function dashboard(onSocket: () => void): Promise<CDPSession> {
  const assets = `${root}dist/web`;
  if (!existsSync(assets)) throw new Error("dist/web is missing: npm run build makes it");
  const context = await browser.newContext();
  const page = await context.newPage();
  page.on("websocket", onSocket);
  await page.route(
    ({ pathname }) => !pathname.startsWith("/v1/"),
    async (route) => {
      const { pathname } = new URL(route.request().url());
      const path = `${assets}${pathname === "/" ? "/index.html" : pathname}`;
      if (!existsSync(path)) return route.fulfill({ status: 404 });
      return route.fulfill({ body: readFileSync(path), contentType: types[extname(path)] ?? "text/plain" });
    },
  );
  await page.goto(edge.origin);
  return context.newCDPSession(page);
}

/** Bytes that a process holds in memory. */
function residentOf(pid: number): number {
  return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) * 1024;
}

/** Bytes of a page's heap when all that nobody holds is gone. */
async function heapOf(page: CDPSession): Promise<number> {
  await page.send("HeapProfiler.collectGarbage");
  return allOf(await page.send("Runtime.getHeapUsage"));
}

function mb(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
