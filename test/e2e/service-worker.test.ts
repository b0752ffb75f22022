import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, type CDPSession, type Page, chromium as playwright } from "playwright";
import { afterAll, beforeAll, expect, it } from "vitest";
import { chromium, chromiumArguments } from "../chromium.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The recipe, as the guide has it. */
async function recipe(): Promise<string> {
  const guide = readFileSync(`${root}docs/guides/service-worker.md`, "utf8");
  const [, code = ""] = /^```ts\n(.*?)^```$/ms.exec(guide) ?? [];
  const { outputFiles } = await build({
    // And who it is, so that a test can tell a worker that was started anew.
    stdin: { contents: `${code}\nself.born = crypto.randomUUID();`, resolveDir: root, loader: "ts" },
    bundle: true,
    write: false,
    format: "iife",
    target: "es2022",
  });
  return outputFiles[0]?.text ?? "";
}

/** What the site answers to calls, and how many have come. */
let down = false;
let calls = 0;
let site: Server;
let browser: Browser;
let page: Page;
let devtools: CDPSession;
/** Of the worker, as the browser tells it. */
let running = "";

beforeAll(async () => {
  const worker = await recipe();
  site = createServer(({ url }, response) => {
    if (url === "/worker.js") {
      response.writeHead(200, { "content-type": "text/javascript" }).end(worker);
    } else if (url?.startsWith("/call")) {
      calls++;
      response.writeHead(down ? 503 : 200, { "cache-control": "no-store" }).end(`${calls}`);
    } else response.writeHead(200, { "content-type": "text/html" }).end("<title>A site</title>");
  }).listen(0, "127.0.0.1");
  await once(site, "listening");
  browser = await playwright.launch({ executablePath: chromium(), args: [...chromiumArguments] });
  page = await browser.newPage();
  devtools = await page.context().newCDPSession(page);
  devtools.on("ServiceWorker.workerVersionUpdated", ({ versions }) => {
    running = versions.at(-1)?.runningStatus ?? running;
  });
  await devtools.send("ServiceWorker.enable");
  const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  await page.goto(origin);
  await page.evaluate("navigator.serviceWorker.register('/worker.js')");
  await page.evaluate("navigator.serviceWorker.ready");
  // From now on the worker answers for the page, and loads it too.
  await page.reload();
  expect(await page.evaluate("navigator.serviceWorker.controller !== null")).toBe(true);
});

afterAll(async () => {
  await browser?.close();
  site?.close();
});

/** What a page sees of a call: its status, and what kind of problem it tells of. */
const call = () =>
  page.evaluate<string>(
    "fetch('/call').then(async (r) => r.status + ' ' + ((await r.text()).match(/urn:[a-z:-]+/) ?? ''))",
  );
const fine = "200 ";
const unavailable = "503 ";
const refused = "503 urn:ninelives:problem:circuit-open";

const born = () => page.context().serviceWorkers().at(-1)?.evaluate<string>("self.born");

async function restart(): Promise<void> {
  const before = await born();
  await devtools.send("ServiceWorker.stopAllWorkers");
  await expect.poll(() => running, { timeout: 20_000 }).toBe("stopped");
  await call();
  await expect.poll(born, { timeout: 20_000 }).not.toBe(before);
}

it("protects its origin, and goes on where it was when the browser starts it anew", async () => {
  expect([await call(), calls]).toEqual([fine, 1]);

  down = true;
  calls = 0;
  // Three attempts that the caller sees as one answer, then two more open the circuit.
  expect([await call(), calls]).toEqual([unavailable, 3]);
  expect([await call(), calls]).toEqual([refused, 5]);
  expect([await call(), calls]).toEqual([refused, 5]);

  await restart();
  expect([await call(), calls]).toEqual([refused, 5]);

  down = false;
  await expect.poll(call, { timeout: 20_000, interval: 250 }).toBe(fine);
  expect(calls).toBe(6);
});
