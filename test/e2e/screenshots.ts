import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Locator, type Page, chromium as playwright } from "playwright";
import { chromium, chromiumArguments } from "../chromium.ts";
import { freePort, RunningDemo } from "./running-demo.ts";

/**
 * Takes the pictures of the docs anew, of the demo as it runs: `npm run screenshots`. It takes five minutes, since charts
 * over two minutes have to fill.
 */
const images = join(import.meta.dirname, "../../docs/images");
/** Bytes of a picture that a page of docs may cost at most. */
const largest = 150_000;

const scratch = mkdtempSync(join(tmpdir(), "ninelives-screenshots-"));
const demo = await RunningDemo.start(await freePort(), scratch, []);
const browser = await playwright.launch({ executablePath: chromium(), args: [...chromiumArguments] });

try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: "light" });
  const page = await context.newPage();
  const shop = await context.newPage();
  const to = async (hash: string): Promise<void> => {
    await page.bringToFront();
    await page.goto(`${demo.origin}/${hash}`);
    await page.getByText("live", { exact: true }).waitFor();
    await pause(1_500);
  };
  const picture = async (name: string, of: Page | Locator = page): Promise<void> => {
    const path = join(images, `${name}.png`);
    await of.screenshot({ path });
    const { size } = statSync(path);
    console.log(`${name}.png ${Math.round(size / 1_000)} kB`);
    if (size > largest) throw new Error(`${name}.png has ${size} bytes, but ${largest} are the most`);
  };

  await to(`#token=${demo.token}`);
  await shop.setViewportSize({ width: 1160, height: 720 });
  await shop.goto(`${demo.origin}/shop/`);
  await turn({});
  await pause(70_000);

  await turn({ resource: "products", latency: 900 });
  await pause(35_000);
  await to("#/policy/products");
  await picture("incident-slow");

  await turn({ latency: 0 });
  await pause(20_000);
  await turn({ resource: "reviews", errorRate: 0.4 });
  await pause(40_000);
  await to("#/policy/reviews");
  await picture("incident-retries", page.locator('section[aria-labelledby="windows"]'));
  await turn({ errorRate: 0 });
  await turn({ resource: "prices", outage: true });
  await page.goto(`${demo.origin}/#/`);
  await page.locator('article[aria-labelledby="card-prices"][data-state="open"]').waitFor();
  await pause(25_000);
  await to("#/");
  await page.locator('article[aria-labelledby="card-prices"][data-state="open"]').waitFor();
  await picture("dashboard");
  await to("#/policy/prices");
  await picture("incident-down");
  await to("#/alerts");
  await picture("alerts");
  await shop.bringToFront();
  await shop.getByText("paused, trying again").first().waitFor();
  await picture("shop", shop);

  await to("#/policy/prices");
  await page.getByRole("button", { name: "Change retry.attempts" }).click();
  await page.locator("input:focus").waitFor();
  await page.keyboard.type("1");
  await page.getByLabel("How long it holds").selectOption("1h");
  await page.getByRole("button", { name: "Preview" }).click();
  await page.getByRole("row", { name: "retry.attempts 3 1" }).waitFor();
  await picture("override-preview");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByText(/Override: takes itself back/).waitFor();
  await to("#/");
  await page
    .locator('article[aria-labelledby="card-reviews"]')
    .getByRole("button", { name: "Reset" })
    .click();
  await page.getByText("✓ reset").waitFor();
  await to("#/audit");
  await page.getByRole("button", { name: "Verify the whole log" }).click();
  await page.getByText("hashed anew").waitFor();
  await picture("audit");

  await to("#/policy/products");
  await page.getByRole("button", { name: "Force open" }).click();
  await page.getByText(/by command/).waitFor();
  await pause(20_000);
  await page.getByText(/by command/).scrollIntoViewIfNeeded();
  await picture("incident-forced");
  await to("#/");
  await demo.stop();
  await page.locator("main[data-stale]").waitFor();
  await pause(15_000);
  await picture("incident-blind");
} finally {
  await browser.close();
  await demo.stop();
  rmSync(scratch, { recursive: true, force: true });
}

/** Turns the knobs of the demo's origin, which keeps its play from going on. */
async function turn(change: object): Promise<void> {
  const body = JSON.stringify({ by: "visitor", ...change });
  const { ok, status } = await fetch(`${demo.origin}/gateway/knobs`, { method: "PUT", body });
  if (!ok) throw new Error(`the knobs answered ${status}`);
}
