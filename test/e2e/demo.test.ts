import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AuditEntry, type PolicyDocument, sha256 } from "ninelives/control";
import type { SystemState } from "ninelives/observer";
import { type Browser, type BrowserContext, type Page, chromium as playwright } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromium, chromiumArguments } from "../chromium.ts";
import { freePort, RunningDemo } from "./running-demo.ts";

const resources = ["products", "prices", "reviews"] as const;
/** Where the pictures go; the README's are copies of them. */
const pictures = join(import.meta.dirname, "../../.reports/screenshots");

const scratch = mkdtempSync(join(tmpdir(), "ninelives-demo-"));
let demo: RunningDemo;
let browser: Browser;
let context: BrowserContext;
let shop: Page;
let secondTab: Page;
let dashboard: Page;
/** What the pages complained of. */
const complaints: string[] = [];

beforeAll(async () => {
  demo = await RunningDemo.start(await freePort(), scratch);
  browser = await playwright.launch({ executablePath: chromium(), args: [...chromiumArguments] });
  context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  context.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) complaints.push(message.text());
  });
  dashboard = await context.newPage();
  await dashboard.addInitScript(rememberLinks);
  await dashboard.goto(`${demo.origin}/#token=${demo.token}`);
  shop = await context.newPage();
  await shop.goto(`${demo.origin}/shop/`);
  secondTab = await context.newPage();
  await secondTab.goto(`${demo.origin}/shop/`);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await demo?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

/** What the dashboard has said of its connection since it was opened, each word once. */
const links = () => dashboard.evaluate<string[]>("[...links]");

const rememberLinks = `
  globalThis.links = new Set();
  setInterval(() => links.add(document.querySelector(".connection > span > span")?.textContent), 50);
`;

/** Waits for a fact of the running system, and shows the last of it when it does not come. */
const eventually = <T>(fact: () => T | Promise<T>) => expect.poll(fact, { timeout: 60_000, interval: 100 });

const at = (page: Page, id: string) => page.getByTestId(id);
const freshness = (page: Page, resource: string) =>
  at(page, `freshness-${resource}`).getAttribute("data-freshness");
const circuit = (page: Page, resource: string) => at(page, `state-${resource}`).getAttribute("data-state");
const number = async (page: Page, id: string) => Number(await at(page, id).textContent());
const card = (policy: string) => dashboard.locator(`article[aria-labelledby="card-${policy}"]`);

async function originCalls(): Promise<Record<string, number>> {
  const response = await fetch(`${demo.origin}/gateway/knobs/counts`);
  return (await response.json()) as Record<string, number>;
}

async function audit(): Promise<{ entries: AuditEntry[]; intact: boolean }> {
  return (await (await fetch(`${demo.origin}/v1/audit`)).json()) as {
    entries: AuditEntry[];
    intact: boolean;
  };
}

async function gatewayCircuit(name: string): Promise<string | undefined> {
  const state = (await (await fetch(`${demo.origin}/v1/state`)).json()) as SystemState;
  return state.policies
    .find(({ policy }) => policy === name)
    ?.circuits.find((report) => report.circuit === name)?.state;
}

/** Nothing is cut off at the side, and no picture of nothing is taken. */
async function takePicture(page: Page, name: string): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  for (const [size, width, height] of [
    ["wide", 1440, 900],
    ["phone", 390, 844],
  ] as const) {
    await page.setViewportSize({ width, height });
    await page.bringToFront();
    await page.waitForTimeout(300);
    const overflow = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
    expect(overflow, `${name} is ${overflow} px too wide at ${width} px`).toBeLessThanOrEqual(0);
    expect(await page.getByRole("main").textContent()).not.toBe("");
    await page.screenshot({ path: join(pictures, `${name}-${size}.png`) });
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

describe("the demo, from end to end", () => {
  it("sells from a healthy origin, and both tabs and the dashboard see it", async () => {
    for (const page of [shop, secondTab]) {
      for (const resource of resources) await eventually(() => freshness(page, resource)).toBe("fresh");
    }
    expect(await shop.getByTestId("products").getByRole("article").count()).toBeGreaterThan(0);
    for (const policy of [...resources, "page.products"])
      await eventually(() => card(policy).count()).toBe(1);
    await takePicture(shop, "shop-healthy");
  });

  it("degrades politely when the origin breaks, and the circuits open", async () => {
    await at(shop, "knob-outage").check();
    for (const resource of resources) {
      await eventually(() => freshness(shop, resource)).toBe("stale");
      await eventually(() => circuit(shop, resource)).toBe("open");
      await eventually(() => card(resource).getAttribute("data-state")).toBe("open");
    }
    await eventually(() => at(shop, "freshness-products").textContent()).toMatch(
      /paused, trying again in \d+ s/,
    );
    await eventually(() => at(shop, "freshness-products").textContent()).toMatch(/from \d+ s ago/);
    expect(await shop.getByTestId("products").getByRole("article").count()).toBeGreaterThan(0);
    await takePicture(shop, "shop-outage");
    await takePicture(dashboard, "dashboard-outage");
  });

  it("lets a second tab refuse within a second, without a call", async () => {
    // The moment a circuit opens in one tab, it is open in the other.
    await eventually(() => circuit(secondTab, "products")).toBe("open");
    await eventually(async () => {
      const [calls, refused] = [
        await number(secondTab, "calls-products"),
        await number(secondTab, "refused-products"),
      ];
      await at(secondTab, "reload").click();
      await expect
        .poll(() => number(secondTab, "refused-products"), { timeout: 1_000 })
        .toBeGreaterThan(refused);
      return (await number(secondTab, "calls-products")) - calls;
    }).toBe(0);
  });

  it("spares the origin while the gateway's circuit is open", async () => {
    // A circuit that has just opened stays so for six seconds at least: the calls below, all at once, fit well into it.
    await eventually(async () => {
      const response = await fetch(`${demo.origin}/gateway/products`);
      await response.body?.cancel();
      return Number(response.headers.get("retry-after"));
    }).toBeGreaterThanOrEqual(5);
    const before = await originCalls();
    const calls = Array.from({ length: 20 }, () => fetch(`${demo.origin}/gateway/products`));
    for (const response of await Promise.all(calls)) {
      expect(response.status).toBe(503);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(await response.json()).toMatchObject({
        type: "urn:ninelives:problem:circuit-open",
        status: 503,
      });
    }
    expect((await originCalls()).products).toBe(before.products);
  });

  it("recovers by itself when the origin is healed", async () => {
    await at(shop, "heal").click();
    for (const resource of resources) {
      await eventually(() => freshness(shop, resource)).toBe("fresh");
      await eventually(() => freshness(secondTab, resource)).toBe("fresh");
      await eventually(() => circuit(shop, resource)).toBe("closed");
      await eventually(() => card(resource).getAttribute("data-state")).toBe("closed");
    }
  }, 240_000);

  it("is steered from the dashboard: forced open at once, reset at once, and written down", async () => {
    await dashboard.bringToFront();
    await card("prices").getByRole("button", { name: "Force open" }).click();
    await eventually(() => card("prices").getAttribute("data-state")).toBe("forced-open");
    expect((await fetch(`${demo.origin}/gateway/prices`)).status).toBe(503);
    await card("prices").getByRole("button", { name: "Reset" }).click();
    await eventually(() => card("prices").getAttribute("data-state")).toBe("closed");
    expect((await fetch(`${demo.origin}/gateway/prices`)).status).toBe(200);
    const { entries, intact } = await audit();
    expect(intact).toBe(true);
    const done = entries.filter(({ outcome }) => outcome === "done").map(({ command }) => command);
    expect(done).toEqual(["circuit.reset", "circuit.open"]);
    await takePicture(dashboard, "dashboard");
  });

  it("tunes a policy from the dashboard: previewed, applied for a while, rolled back, and the log verified", async () => {
    const policy = async () => {
      const { policies } = (await (await fetch(`${demo.origin}/v1/policies`)).json()) as {
        policies: PolicyDocument[];
      };
      return policies.find(({ name }) => name === "reviews") as PolicyDocument;
    };
    const before = await policy();
    await dashboard.goto(`${demo.origin}/#/policy/reviews`);
    await dashboard.getByRole("button", { name: "Change retry.attempts" }).click();
    await dashboard.locator("input:focus").waitFor();
    await dashboard.keyboard.type("5 parsecs");
    await dashboard.keyboard.press("Enter");
    await dashboard.getByRole("alert").getByText("parsecs").waitFor();
    await dashboard.keyboard.press("Control+A");
    await dashboard.keyboard.type("2");
    await dashboard.getByLabel("How long it holds").selectOption("5m");
    await dashboard.getByRole("button", { name: "Preview" }).click();
    await dashboard.getByRole("row", { name: "retry.attempts 3 2" }).waitFor();
    expect((await policy()).text).toBe(before.text);
    await dashboard.getByRole("button", { name: "Apply" }).click();
    await dashboard.getByText(/Override: takes itself back in \d/).waitFor();
    expect(await policy()).toMatchObject({ text: before.text.replace("retry(3", "retry(2"), version: 1 });
    await takePicture(dashboard, "dashboard-override");
    await dashboard.getByRole("button", { name: "Versions" }).click();
    await dashboard.getByRole("button", { name: "Roll back to version 0" }).click();
    await dashboard.getByRole("row", { name: "retry.attempts 2 3" }).waitFor();
    await dashboard.getByText(/It ends the override of version 1, which would hold until/).waitFor();
    await dashboard.getByRole("button", { name: "Apply" }).click();
    await dashboard.getByText("✓ version 2 is in force").waitFor();
    expect((await policy()).text).toBe(before.text);
    await dashboard.goto(`${demo.origin}/#/audit`);
    await dashboard.getByText("policy.rollback").first().waitFor();
    await dashboard.getByRole("button", { name: "Verify the whole log" }).click();
    await dashboard.getByText(/\d+ entries hashed anew: ✓ intact/).waitFor();
    await dashboard.goto(`${demo.origin}/#/`);
  });

  it("asks for a token where there is none, and again after a wrong one, as often as it is wrong", async () => {
    const stranger = await browser.newContext();
    const page = await stranger.newPage();
    await page.goto(demo.origin);
    await page
      .locator('article[aria-labelledby="card-prices"]')
      .getByRole("button", { name: "Reset" })
      .click();
    for (let time = 0; time < 5; time++) {
      await page.getByLabel("Token", { exact: true }).fill(`wrong-${time}`);
      await page.getByRole("button", { name: "Use this token" }).click();
      await page
        .getByRole("dialog")
        .getByRole("alert")
        .getByText("The server does not know this token.")
        .waitFor();
    }
    await page.getByLabel("Token", { exact: true }).fill(demo.token);
    await page.getByRole("button", { name: "Use this token" }).click();
    await page.getByText("reset", { exact: false }).first().waitFor();
    await eventually(() => page.getByRole("dialog").count()).toBe(0);
    await stranger.close();
  });

  it("has been live all along, on a busy machine too", async () => {
    // Before the first word, there is the page as it was served, and then that it connects.
    const before = [undefined, null, "connecting…"] as unknown[];
    await eventually(async () => (await links()).filter((said) => !before.includes(said))).toEqual(["live"]);
  });

  it("loses neither a circuit's state nor an audit entry when workerd restarts", async () => {
    await card("reviews").getByRole("button", { name: "Force open" }).click();
    await eventually(() => gatewayCircuit("reviews")).toBe("forced-open");
    await eventually(() => card("reviews").getAttribute("data-state")).toBe("forced-open");
    const before = await audit();
    const port = Number(new URL(demo.origin).port);
    await demo.stop();
    // What it last heard stays, with its age; nothing turns to zero.
    await dashboard.getByText(/reconnecting|disconnected/).waitFor();
    await eventually(() => dashboard.locator(".connection .age").textContent()).toMatch(
      /last update \d+\ss ago/,
    );
    expect(await card("reviews").getAttribute("data-state")).toBe("forced-open");
    expect(await dashboard.locator(".totals dd").first().textContent()).not.toBe("0");
    demo = await RunningDemo.start(port, scratch);
    await dashboard.getByText("live", { exact: true }).waitFor();
    const after = await audit();
    expect(after.intact).toBe(true);
    expect(after.entries).toEqual(before.entries);
    // An isolate that has just begun knows nothing; its first call asks in the background, and the next ones know.
    await eventually(async () => (await fetch(`${demo.origin}/gateway/reviews`)).status).toBe(503);
    await eventually(() => gatewayCircuit("reviews")).toBe("forced-open");
    await eventually(() => card("reviews").getAttribute("data-state")).toBe("forced-open");
  });

  it("answers bad input with the right status, and does nothing", async () => {
    const { origin, token } = demo;
    const entries = (await audit()).entries.length;
    const circuitBefore = await gatewayCircuit("products");
    const command = (headers: Record<string, string>, name = "circuit.open") =>
      fetch(`${origin}/v1/commands`, {
        method: "POST",
        headers,
        body: JSON.stringify({ id: name, name, args: { circuit: "products" } }),
      });
    const { ingestKey } = (await (await fetch(`${origin}/shop/config.json`)).json()) as { ingestKey: string };
    const events = (body: string) =>
      fetch(`${origin}/v1/events`, {
        method: "POST",
        headers: { authorization: `Bearer ${ingestKey}` },
        body,
      });
    const cases: [string, Promise<Response>, number][] = [
      ["unknown upstream", fetch(`${origin}/gateway/nowhere/x`), 404],
      ["batch that is no JSON", events("{"), 400],
      ["batch too large", events(" ".repeat(300_000)), 413],
      ["batch of an unknown version", events('{"version":99}'), 422],
      ["command without token", command({}), 401],
      ["command with a wrong token", command({ authorization: `Bearer ${await sha256("wrong")}` }), 401],
      ["command of an unknown name", command({ authorization: `Bearer ${token}` }, "circuit.explode"), 404],
    ];
    for (const [name, answer, status] of cases) {
      const response = await answer;
      expect([name, response.status]).toEqual([name, status]);
      expect(response.headers.get("content-type")).toContain("application/problem+json");
      const problem = (await response.json()) as { status: number; detail: string };
      expect(problem.status).toBe(status);
      expect(problem.detail).not.toBe("");
    }
    expect(await gatewayCircuit("products")).toBe(circuitBefore);
    // The three commands are in the log: those of nobody as they were refused, the other as it came, too.
    expect((await audit()).entries.length).toBe(entries + 4);
  });

  it("makes no page complain, under a policy that allows nothing from elsewhere", async () => {
    const served = await fetch(`${demo.origin}/shop/`);
    expect(served.headers.get("content-security-policy")).toContain("default-src 'self'");
    expect(complaints).toEqual([]);
  });
});
