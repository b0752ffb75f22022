import { mkdirSync } from "node:fs";
import { join } from "node:path";
import axe, { type AxeResults } from "axe-core";
import type { AlertReport, ObservedEvent } from "ninelives/observer";
import { type Browser, type BrowserContext, type Page, chromium as playwright } from "playwright";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { chromium, chromiumArguments } from "../chromium.ts";
import { calledPolicy, PlayedObserver, systemOf } from "./played-observer.ts";

const pictures = join(import.meta.dirname, "../../.reports/screenshots");
const wide = { width: 1440, height: 900 };
const phone = { width: 390, height: 844 };

let browser: Browser;
let context: BrowserContext | undefined;
const complaints: string[] = [];

beforeAll(async () => {
  mkdirSync(pictures, { recursive: true });
  browser = await playwright.launch({ executablePath: chromium(), args: [...chromiumArguments] });
});

afterEach(async () => {
  await context?.close();
  context = undefined;
});

afterAll(() => browser?.close());

/** Waits for a fact of the page, however busy the machine is. */
const eventually = <T>(fact: () => T | Promise<T>) => expect.poll(fact, { timeout: 20_000, interval: 50 });

async function visit(observer: PlayedObserver, options = {}, hash = "#/"): Promise<Page> {
  context = await browser.newContext({ viewport: wide, ...options });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  context.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) complaints.push(message.text());
  });
  await observer.answer(context);
  const page = await context.newPage();
  await observer.open(page, hash);
  return page;
}

const at = Date.now();
const rule: AlertReport = {
  name: "products fail",
  when: "error-rate",
  policy: null,
  above: 0.05,
  for: 0,
  window: "1m",
  minimumRequests: 20,
  state: "firing",
  subjects: [{ policy: "products", circuit: null, state: "firing", since: at - 90_000, value: 0.1 }],
};
const closed = calledPolicy("products", at).circuits[0] as never as object;
const open = {
  ...closed,
  circuit: "prices",
  state: "open",
  since: at - 5_000,
  until: at + 60_000,
  reason: "failures",
  openings: 1,
  timeIn: { closed: 500_000, open: 5_000 },
} as const;
const events: ObservedEvent[] = [
  {
    type: "circuit.opened",
    policy: "prices",
    circuit: "prices",
    from: "closed",
    failureRate: 0.6,
    openFor: 60_000,
    reason: "failures",
    at: at - 5_000,
    source: "worker a01b",
  },
  { type: "rate-limit.rejected", policy: "products", retryAfter: 900, at: at - 2_000, source: "page 3f9c" },
];
const alive = () =>
  new PlayedObserver(
    systemOf(
      [
        calledPolicy("products", at),
        calledPolicy("prices", at, { circuits: [open as never] }),
        calledPolicy("reviews", at, {
          circuits: [{ ...open, circuit: "reviews", until: null, heardAt: at - 200_000 } as never],
        }),
      ],
      at,
      { alerts: [rule, { ...rule, name: "slow", when: "latency", above: 900, state: "ok", subjects: [] }] },
    ),
    events,
  );

async function grave(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<AxeResults>("axe.run()");
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

const views = [
  ["overview", "#/"],
  ["policy", "#/policy/prices"],
  ["events", "#/events"],
  ["alerts", "#/alerts"],
  ["audit", "#/audit"],
] as const;

describe.each(["light", "dark"] as const)("the dashboard, %s", (colorScheme) => {
  it.each(views)(
    "shows %s without anything that axe finds grave, wide and at phone width",
    async (name, hash) => {
      const page = await visit(alive(), { colorScheme }, hash);
      for (const [size, viewport] of [
        ["wide", wide],
        ["phone", phone],
      ] as const) {
        await page.setViewportSize(viewport);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await page.waitForTimeout(300);
        expect(await grave(page)).toEqual([]);
        expect(
          await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth"),
        ).toBeLessThanOrEqual(0);
        await page.screenshot({
          path: join(pictures, `view-${name}-${size}-${colorScheme}.png`),
          fullPage: true,
        });
      }
    },
  );

  it("changes a policy without anything that axe finds grave, wide and at phone width", async () => {
    const page = await visit(alive(), { colorScheme }, "#/policy/products");
    await page.evaluate("sessionStorage.setItem('ninelives.token', 's3cret')");
    const look = async (name: string) => {
      for (const [size, viewport] of [
        ["wide", wide],
        ["phone", phone],
      ] as const) {
        await page.setViewportSize(viewport);
        await page.waitForTimeout(300);
        expect(await grave(page)).toEqual([]);
        expect(
          await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth"),
        ).toBeLessThanOrEqual(0);
        await page.screenshot({
          path: join(pictures, `view-${name}-${size}-${colorScheme}.png`),
          fullPage: true,
        });
      }
    };
    await page.getByRole("button", { name: "Edit text" }).click();
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByText('line 1, column 12: found "+"').waitFor();
    await look("editor-refused");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "1 more, as by default" }).click();
    await page.getByRole("button", { name: "Change retry.attempts" }).click();
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByRole("button", { name: "Apply" }).waitFor();
    await page.getByRole("button", { name: "Versions" }).click();
    await page.getByText("Version 1").waitFor();
    await look("editor-preview");
  });

  it("asks for a token in a dialog without anything that axe finds grave", async () => {
    const page = await visit(alive(), { colorScheme });
    await page.getByRole("button", { name: "Reset" }).first().click();
    await page.getByRole("dialog").waitFor();
    expect(await grave(page)).toEqual([]);
    await page.screenshot({ path: join(pictures, `view-token-${colorScheme}.png`) });
  });
});

describe("the dashboard", () => {
  it("says what of a circuit is doubtful, and never zero for what is unknown", async () => {
    const page = await visit(alive());
    const card = (name: string) => page.locator(`article[aria-labelledby="card-${name}"]`);
    await card("reviews").getByText("not heard of").waitFor();
    expect(await card("products").locator(".degraded").textContent()).toMatch(/^5\s% degraded$/);
    expect(await card("never-called").locator(".degraded").count()).toBe(0);
    await eventually(() => page.locator(".totals > div").nth(1).textContent()).toBe("Circuits open1");
    // Its card comes with the list of policies, which is asked for by itself.
    const unseen = () => card("never-called").locator("dd").allTextContents();
    await eventually(unseen).toEqual(["–", "–", "–", "–"]);
    await page.goto("http://dashboard.test/#/policy/never-called");
    await page.getByRole("heading", { name: "never-called" }).waitFor();
    const cells = async () => new Set(await page.locator(".windows td:not(:empty)").allTextContents());
    await eventually(cells).toEqual(new Set(["–"]));
  });

  it("is steered by the keyboard alone, and asks for the token that it needs", async () => {
    const observer = alive();
    const page = await visit(observer);
    const focused = () => page.evaluate<string>("document.activeElement.textContent");
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    for (let presses = 0; (await focused()) !== "Force open" && presses < 40; presses++)
      await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.type("s3cret");
    await page.keyboard.press("Enter");
    await page.getByText("✓ forced open").waitFor();
    expect(observer.commands).toEqual([{ name: "circuit.open", token: "Bearer s3cret" }]);
    expect(await focused()).toBe("Force open");
  });

  it("changes a value by the keyboard alone: its bounds, what the server objects, what would change, then doing it", async () => {
    const observer = alive();
    const page = await visit(observer, {}, "#/policy/products");
    await page.evaluate("sessionStorage.setItem('ninelives.token', 's3cret')");
    const focused = () =>
      page.evaluate<string>("document.activeElement.ariaLabel ?? document.activeElement.textContent");
    await page.getByRole("button", { name: "Change retry.attempts" }).waitFor();
    for (let presses = 0; (await focused()) !== "Change retry.attempts" && presses < 40; presses++)
      await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    const form = page.getByRole("form", { name: "retry.attempts" });
    await eventually(() => page.evaluate<string>("document.activeElement.tagName")).toBe("INPUT");
    await form.getByText("a whole number · 1 to 10 · 3 by default").waitFor();
    await page.keyboard.type("abc");
    await page.keyboard.press("Enter");
    // Without what is of no use here: that the argument is called text, and the place within it.
    await form
      .getByRole("alert")
      .getByText("attempts must be a whole number, but is abc", { exact: true })
      .waitFor();
    await page.keyboard.press("Control+A");
    await page.keyboard.type("5");
    await eventually(() => form.getByRole("alert").count()).toBe(0);
    await page.keyboard.press("Enter");
    await form.getByRole("row", { name: "retry.attempts 3 5" }).waitFor();
    await eventually(focused).toBe("Apply");
    await page.keyboard.press("Enter");
    await page.getByText("✓ version 3 is in force").waitFor();
    await eventually(focused).toBe("Change retry.attempts");
    expect(observer.commands.map(({ name }) => name)).toEqual(Array(3).fill("parameter.write"));
    await page.keyboard.press("Enter");
    await eventually(() => page.evaluate<string>("document.activeElement.tagName")).toBe("INPUT");
    await page.keyboard.press("Escape");
    await eventually(() => form.count()).toBe(0);
    await eventually(focused).toBe("Change retry.attempts");
  });

  it("leaves the caret where one writes, however much is told meanwhile", async () => {
    const observer = alive();
    const page = await visit(observer, {}, "#/policy/products");
    await page.getByRole("button", { name: "Edit text" }).click();
    const area = page.getByRole("textbox", { name: "Policy as text" });
    await area.evaluate((field: { setSelectionRange(from: number, to: number): void }) =>
      field.setSelectionRange(11, 11),
    );
    for (const [index, letter] of [..." + bulkhead(10)"].entries()) {
      const policies = [calledPolicy("products", at, { reporters: index })];
      const totals = { events: index, dropped: 0 };
      observer.say({ type: "delta", at: at + index, totals, policies, events: [], skipped: 0 });
      await page.keyboard.type(letter, { delay: 60 });
    }
    expect(await area.inputValue()).toBe("timeout(5s) + bulkhead(10) + retry(3)");
  });

  it("reads a chart out by the arrow keys", async () => {
    const page = await visit(alive(), {}, "#/policy/products");
    await page.getByRole("img", { name: /^Latency/ }).focus();
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    await eventually(() => page.locator(".readout").nth(1).textContent()).toMatch(/^5 s ago: p50 32/);
  });

  it("says that it is disconnected and how old what it shows is, and never shows zero for it", async () => {
    const observer = alive();
    const page = await visit(observer);
    const figures = () => page.locator("article dd, .totals dd").allTextContents();
    await eventually(() => page.getByRole("article").count()).toBe(4);
    const before = await figures();
    await observer.vanish(context as BrowserContext);
    await page.getByText("reconnecting").waitFor();
    await page.getByText(/last update \d+\ss ago/).waitFor();
    await page.locator("main[data-stale]").waitFor();
    expect(await figures()).toEqual(before);
    // A countdown that nobody knows anything of does not run on.
    const since = () => page.locator('[aria-labelledby="card-prices"] .since').textContent();
    const stood = await since();
    const age = () => page.locator(".connection .age").textContent();
    const old = await age();
    await eventually(age).not.toBe(old);
    expect(await since()).toBe(stood);
  });

  it("says nothing of a connection that comes back at once, and shows what came with it", async () => {
    const observer = alive();
    const page = await visit(observer);
    const said = await page.evaluateHandle<Set<string>>(`(() => {
      const said = new Set();
      const look = () => said.add(document.querySelector(".connection > span > span").textContent);
      new MutationObserver(look).observe(document.querySelector(".connection"), {
        subtree: true, childList: true, characterData: true, attributes: true,
      });
      look();
      return said;
    })()`);
    for (let times = 1; times <= 3; times++) {
      await observer.hiccup();
      await eventually(() => observer.viewers).toBe(1);
      observer.say({
        type: "delta",
        at: at + times,
        totals: { events: times, dropped: 0 },
        policies: [calledPolicy("products", at, { reporters: 20 + times })],
        events: [],
        skipped: 0,
      });
      await page.getByText(`${20 + times} reporters`).waitFor();
    }
    expect(await said.evaluate((said) => [...said])).toEqual(["live"]);
  });

  it("draws no more of two thousand policies than one can look at, and finds each", async () => {
    const many = Array.from({ length: 2_000 }, (_, index) => calledPolicy(`shop${index % 5}.p${index}`, at));
    const observer = new PlayedObserver(systemOf(many, at));
    const page = await visit(observer);
    await eventually(() => page.getByRole("article").count()).toBe(48);
    const nodes = () => page.evaluate<number>("document.querySelectorAll('*').length");
    const before = await nodes();
    expect(before).toBeLessThan(3_500);
    for (let round = 1; round <= 5; round++) {
      const policies = many.map(({ policy }) => calledPolicy(policy, at, { reporters: 10 + round }));
      observer.say({
        type: "delta",
        at: at + round,
        totals: { events: round, dropped: 0 },
        policies,
        events: [],
        skipped: 0,
      });
      await page
        .getByText(`${10 + round} reporters`)
        .first()
        .waitFor();
    }
    expect(await nodes()).toBe(before);
    await page.getByRole("button", { name: "Next" }).click();
    await page.getByText("Page 2 of 42").waitFor();
    await page.getByLabel("Group policies").selectOption("name");
    await page.getByRole("button", { name: "shop0", exact: false }).first().waitFor();
    // Folded, all groups fit where two thousand cards did not; two policies are documents that nobody called.
    for (let group = 0; group < 7; group++) {
      await page.locator('.group button[aria-expanded="true"]').first().click();
      await eventually(() => page.locator('.group button[aria-expanded="false"]').count()).toBe(group + 1);
    }
    await eventually(() => page.getByRole("article").count()).toBe(0);
    expect(await page.locator(".group").count()).toBe(7);
    await page.getByRole("button", { name: "shop3" }).click();
    await eventually(() => page.getByRole("article").count()).toBeGreaterThan(20);
    await page.getByLabel("Group policies").selectOption("none");
    await page.getByLabel("Search policies").fill("p1999");
    await eventually(() => page.getByRole("article").count()).toBe(1);
  });

  it("makes the browser complain of nothing, and asks for nothing that is not there", async () => {
    const observer = alive();
    const page = await visit(observer, {}, "#/policy/products");
    await page.locator("canvas").first().waitFor();
    expect(
      await page.evaluate<number>(
        "fetch(document.querySelector('link[rel=icon]').href).then((r) => r.status)",
      ),
    ).toBe(200);
    expect([complaints, observer.missing]).toEqual([[], []]);
  });
});
