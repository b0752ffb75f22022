/**
 * `npm run soak`: events for a long time, and what the Worker with its objects and a dashboard that looks on then weigh.
 *
 * --minutes=<number>   Default 8; an hour is 60
 * --rate=<number>      events a second. Default 200
 * --policies=<number>  Default 20
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
import { freePort } from "../e2e/running-demo.ts";
import { growthOf } from "./growth.ts";

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
  },
});
const [minutes, rate, policies] = [flags.minutes, flags.rate, flags.policies].map(positive) as [
  number,
  number,
  number,
];

const key = "soak";
const edge = await BareWorkerd.start({
  entry: "workers/index.ts",
  port: await freePort(),
  vars: {
    UPSTREAMS: "{}",
    PUBLIC_READS: "true",
    INGEST_KEYS: JSON.stringify({ [key]: ["*"] }),
    ALERTS: JSON.stringify({ rules: [{ name: "errors", when: "error-rate", above: 0.5 }] }),
  },
});
const browser = await playwright.launch({ executablePath: chromium(), args: [...chromiumArguments] });

try {
  const page = await dashboard();
  const worker: number[] = [];
  const pageHeap: number[] = [];
  let sent = 0;
  const began = performance.now();
  const end = began + minutes * 60_000;
  const sampleEvery = (minutes * 60_000) / 40;
  let sampleAt = began + sampleEvery;
  for (let turn = 1; performance.now() < end; turn++) {
    sent += await send(Math.round((rate * turn) / 4) - Math.round((rate * (turn - 1)) / 4));
    if (performance.now() >= sampleAt) {
      sampleAt += sampleEvery;
      worker.push(residentOf(edge.pid as number));
      pageHeap.push(await heapOf(page));
    }
    await sleep(Math.max(0, began + turn * 250 - performance.now()));
  }
  const state = (await (await fetch(`${edge.origin}/v1/state`)).json()) as {
    events: number;
    dropped: number;
  };
  const shown = await page.send("Runtime.evaluate", { expression: "document.body.innerText" });
  const watched = String(shown.result.value).includes("policy 0");
  const [inWorker, inPage] = [growthOf(worker), growthOf(pageHeap)];
  const lost = sent - state.events;
  const result = {
    minutes,
    rate,
    policies,
    sent,
    lost,
    watched,
    worker: inWorker,
    page: inPage,
    samples: { worker, page: pageHeap },
  };
  writeFileSync(`${folder}soak.json`, `${JSON.stringify(result, undefined, 2)}\n`);
  const growth = ({ early, late }: { early: number; late: number }) => `${mb(early)} to ${mb(late)} MB`;
  const violations = [inWorker.grows, inPage.grows, lost !== 0, !watched].filter(Boolean).length;
  console.log(
    `sent ${sent} events in ${minutes} min, lost ${lost}, the dashboard ${watched ? "shows" : "does not show"} them`,
  );
  console.log(`worker and objects ${growth(inWorker)}, page ${growth(inPage)} violations ${violations}`);
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
async function dashboard(): Promise<CDPSession> {
  const assets = `${root}dist/web`;
  if (!existsSync(assets)) throw new Error("dist/web is missing: npm run build makes it");
  const context = await browser.newContext();
  const page = await context.newPage();
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

/** Sends so many events, as a batch of a page, and gives how many were taken. */
async function send(events: number): Promise<number> {
  const at = Date.now();
  const body = {
    version: 1,
    source: { id: "soakpage", kind: "page" },
    sentAt: at,
    dropped: 0,
    events: Array.from({ length: events }, (_, index) => {
      const policy = `policy ${index % policies}`;
      const measures = { policy, at, duration: 5 + (index % 100), attempts: 1 + (index % 7 === 0 ? 1 : 0) };
      return index % 10 === 0
        ? { type: "request.failed", kind: "value", ...measures }
        : { type: "request.succeeded", ...measures };
    }),
  };
  const response = await fetch(`${edge.origin}/v1/events`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (response.status !== 202)
    throw new Error(`the collector answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { accepted: number }).accepted;
}

/** Bytes that a process holds in memory. */
function residentOf(pid: number): number {
  return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) * 1024;
}

/** Bytes of a page's heap when all that nobody holds is gone. */
async function heapOf(page: CDPSession): Promise<number> {
  await page.send("HeapProfiler.collectGarbage");
  return (await page.send("Runtime.getHeapUsage")).usedSize;
}

function mb(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
