import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import {
  type Browser,
  type BrowserContext,
  type CDPSession,
  type Frame,
  type Page,
  chromium as playwright,
} from "playwright";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { chromium, chromiumArguments } from "../chromium.ts";
import { type Offered, script } from "./tab-script.ts";

let server: Server;
let origin: string;
let browser: Browser;
let context: BrowserContext;

beforeAll(async () => {
  const { outputFiles } = await build({
    stdin: { contents: script, resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
    bundle: true,
    format: "esm",
    write: false,
    tsconfig: fileURLToPath(new URL("../../tsconfig.json", import.meta.url)),
  });
  const code = outputFiles[0]?.text ?? "";
  server = createServer(({ url }, response) => {
    if (url === "/down") return response.writeHead(503).end();
    if (url === "/script.js") {
      // A frame without an origin is a stranger to its own server.
      response.writeHead(200, { "content-type": "text/javascript", "access-control-allow-origin": "*" });
      return response.end(code);
    }
    response.writeHead(200, { "content-type": "text/html" });
    return response.end(
      `<!doctype html><title>a tab</title><script type="module" src="/script.js"></script>`,
    );
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await playwright.launch({ executablePath: chromium(), args: [...chromiumArguments] });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
});

/** What a page complained of: an error that nobody caught would be the caller's. */
const complaints: string[] = [];

beforeEach(async () => {
  context = await browser.newContext();
  context.on("weberror", (error) => complaints.push(String(error.error())));
});

afterEach(async () => {
  await context.close();
  expect(complaints.splice(0)).toEqual([]);
});

const ready = (page: Page) => page.waitForFunction("typeof report === 'function'");
const report = (page: Page, more: object) => page.evaluate((each) => inPageOf().report(each), more);

/** Stands for the page's own globals, in code that runs there. */
declare function inPageOf(): Offered;

async function tab(): Promise<Page> {
  const page = await context.newPage();
  await page.addInitScript("globalThis.inPageOf = () => globalThis");
  await page.goto(origin);
  await ready(page);
  return page;
}

const devtools = (page: Page): Promise<CDPSession> => context.newCDPSession(page);
const eventually = <T>(fact: () => T | Promise<T>) => expect.poll(fact, { timeout: 30_000, interval: 50 });
const brief = { rules: { openFor: 0, maximumOpenFor: 0, probes: 1, successesToClose: 1 } };

async function opened(page: Page, more: object = {}) {
  const { epoch } = await report(page, { replica: "opener", ...more });
  return report(page, { replica: "opener", seq: 2, epoch, open: true, fail: 9, ...more });
}

describe("two tabs of one origin", () => {
  it("lose no report, though both write at once", async () => {
    const tabs = [await tab(), await tab()];
    const { epoch } = await report(tabs[0] as Page, { replica: "first" });
    await Promise.all(
      tabs.map((page, number) =>
        page.evaluate(
          async ([number, epoch]) => {
            const { reportMany } = inPageOf();
            for (let seq = 1; seq <= 10; seq++) {
              const many = Array.from({ length: 10 }, (_, each) => ({
                replica: `${number}/${each}`,
                seq,
                epoch,
                ok: 1,
              }));
              await reportMany(many);
            }
          },
          [number, epoch] as const,
        ),
      ),
    );
    const record = await (tabs[0] as Page).evaluate(() => inPageOf().record());
    expect(record?.counts.ok).toBe(200);
  });

  it("get one permit between them, however many ask at once", async () => {
    const tabs = [await tab(), await tab()];
    await opened(tabs[0] as Page, brief);
    const views = await Promise.all(
      tabs.map((page, number) =>
        page.evaluate(
          ([number, brief]) =>
            inPageOf().reportMany(
              Array.from({ length: 25 }, (_, each) => ({
                replica: `${number}/${each}`,
                wantsProbe: true,
                ...brief,
              })),
            ),
          [number, brief] as const,
        ),
      ),
    );
    expect(views.flat().filter(({ permit }) => permit !== undefined)).toHaveLength(1);
    expect(new Set(views.flat().map(({ state }) => state))).toEqual(new Set(["half-open"]));
  });

  it("hand a lease over when its holder's tab is closed: the other one gets it, with a higher token", async () => {
    const [one, two] = [await tab(), await tab()];
    const start = (page: Page) => page.evaluate(() => inPageOf().leader.start());
    const stateOf = (page: Page) => page.evaluate(() => inPageOf().leader.state);
    const tokenOf = (page: Page) => page.evaluate(() => inPageOf().leader.token ?? 0);
    await start(one);
    await eventually(() => stateOf(one)).toBe("held");
    await start(two);
    expect(await stateOf(two)).toBe("waiting");
    const token = await tokenOf(one);
    await one.close();
    await eventually(() => stateOf(two)).toBe("held");
    expect(await tokenOf(two)).toBeGreaterThan(token);
  });

  it("know by a bare fetch what one of them has found out, each of them", async () => {
    const [one, two] = [await tab(), await tab()];
    const order = (page: Page) => page.evaluate(() => inPageOf().order());
    const many = (page: Page) =>
      page.evaluate(async () => {
        const answers: (number | string)[] = [];
        for (let each = 0; each < 20; each++) answers.push(await inPageOf().order());
        return answers;
      });
    expect(new Set(await many(one))).toEqual(new Set([503]));
    expect(await order(one)).toBe("circuit-open");
    await eventually(async () => {
      await order(one); // carries the report
      return (await one.evaluate((name) => inPageOf().record(name), origin))?.state;
    }).toBe("open");
    let failures = 0;
    await expect
      .poll(
        async () => {
          const answer = await order(two);
          if (answer === 503) failures++;
          return answer;
        },
        { timeout: 30_000, interval: 500 },
      )
      .toBe("circuit-open");
    // Too few for a judgement of its own.
    expect(failures).toBeLessThan(20);
  });

  it("hear of each other's changes unasked, and a third one that comes later knows", async () => {
    const [one, two] = [await tab(), await tab()];
    await report(two, { replica: "two" });
    const { epoch } = await opened(one);
    await eventually(() => two.evaluate(() => inPageOf().heard.map(({ state }) => state))).toContain("open");
    expect(await report(await tab(), { replica: "three" })).toMatchObject({ state: "open", epoch });
  });
});

const above = (epoch: number) => expect.toSatisfy((other: number) => other > epoch);

describe("a tab whose storage is taken away", () => {
  it("goes on when all of it is wiped in mid-run, and brings what it knows into the new database", async () => {
    const [one, two] = [await tab(), await tab()];
    const before = await opened(one);
    await report(two, { replica: "two" });
    const session = await devtools(one);
    // Closes every connection by force, as a full disk or a user's "clear site data" does.
    await session.send("Storage.clearDataForOrigin", { origin, storageTypes: "all" });
    const after = await report(two, { replica: "two", seq: 2, epoch: before.epoch });
    // In an epoch of its own: what the old database gave out is not given out again.
    expect(after).toMatchObject({ state: "open", epoch: above(before.epoch) });
    expect(await report(one, { replica: "opener", seq: 3, epoch: before.epoch })).toMatchObject({
      state: "open",
    });
    await eventually(() => one.evaluate(() => inPageOf().record())).toMatchObject({ epoch: after.epoch });
    // A tab that knew nothing of it learns it from there.
    expect(await report(await tab(), { replica: "three" })).toMatchObject({ state: "open" });
  });

  it("goes on when the quota is used up, and is back in the database when there is room", async () => {
    const page = await tab();
    const session = await devtools(page);
    // Before anything is written: what the browser has granted once, it grants for a while.
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1 });
    const refused = await page.evaluate(`new Promise((resolve) => {
      const opening = indexedDB.open("another");
      opening.onupgradeneeded = () => opening.result.createObjectStore("all");
      opening.onsuccess = () => {
        const writing = opening.result.transaction("all", "readwrite");
        writing.objectStore("all").put("text", 1);
        writing.oncomplete = () => resolve("there is room");
        writing.onabort = () => resolve(writing.error.name);
      };
    })`);
    expect(refused).toBe("QuotaExceededError");
    const alone = await opened(page);
    expect(alone.state).toBe("open");
    await session.send("Storage.overrideQuotaForOrigin", { origin });
    await eventually(async () => {
      await report(page, { replica: "two" });
      return page.evaluate(() => inPageOf().record());
    }).toMatchObject({ state: "open", epoch: above(alone.epoch) });
  });

  it("goes on while an upgrade is blocked by another tab, and is back when it is through", async () => {
    const page = await tab();
    const other = await context.newPage();
    await other.goto(origin);
    const first = await report(page, { replica: "one" });
    // A careless script: it holds a connection, hears no `versionchange`, and asks for an upgrade itself.
    await other.evaluate(`new Promise((resolve) => {
      const holding = indexedDB.open("ninelives");
      holding.onsuccess = () => {
        globalThis.held = holding.result;
        const upgrade = indexedDB.open("ninelives", 7);
        upgrade.onblocked = () => resolve();
        upgrade.onsuccess = () => upgrade.result.close();
      };
    })`);
    const alone = await report(page, { replica: "one", seq: 2, epoch: first.epoch, open: true, fail: 9 });
    expect(alone.state).toBe("open");
    await other.evaluate("held.close()");
    await eventually(async () => {
      await report(page, { replica: "two" });
      return page.evaluate(() => inPageOf().record());
    }).toMatchObject({ state: "open", epoch: above(alone.epoch) });
  });

  it("goes on in a frame without an origin, which has neither database nor channel", async () => {
    const page = await context.newPage();
    await page.goto(origin);
    await page.setContent(
      `<iframe sandbox="allow-scripts" srcdoc='<script type="module" src="${origin}/script.js"></script>'></iframe>`,
    );
    const frame = (await (await page.waitForSelector("iframe")).contentFrame()) as Frame;
    await frame.waitForFunction("typeof report === 'function'");
    expect(await frame.evaluate("indexedDB.open('x')").catch((error: Error) => error.message)).toMatch(
      /Security|denied/,
    );
    const { epoch } = (await frame.evaluate("report({ replica: 'one' })")) as { epoch: number };
    const view = await frame.evaluate(
      `report({ replica: "one", seq: 2, epoch: ${epoch}, open: true, fail: 9 })`,
    );
    expect(view).toMatchObject({ state: "open" });
  });

  it("private mode: shares within its windows, and leaves nothing behind when they are closed", async () => {
    // Each context is a private session of its own.
    const window = await tab();
    expect(await opened(window)).toMatchObject({ state: "open" });
    expect(await report(await tab(), { replica: "two" })).toMatchObject({ state: "open" });
    await context.close();
    context = await browser.newContext();
    expect(await report(await tab(), { replica: "three" })).toMatchObject({ state: "closed", epoch: 1 });
  });

  it("private mode without IndexedDB: goes on in memory", async () => {
    const page = await context.newPage();
    await page.addInitScript("delete globalThis.indexedDB; delete globalThis.BroadcastChannel;");
    await page.goto(origin);
    await ready(page);
    const { epoch } = (await page.evaluate("report({ replica: 'one' })")) as { epoch: number };
    const view = await page.evaluate(
      `report({ replica: "one", seq: 2, epoch: ${epoch}, open: true, fail: 9 })`,
    );
    expect(view).toMatchObject({ state: "open" });
  });

  it("is one tab again after going away and coming back", async () => {
    const [one, two] = [await tab(), await tab()];
    await report(two, { replica: "two" });
    await two.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))");
    await report(two, { replica: "two", seq: 2 });
    await opened(one);
    await eventually(() => two.evaluate(() => inPageOf().heard.map(({ state }) => state))).toContain("open");
  });
});
