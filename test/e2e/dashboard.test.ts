import axe from "axe-core";
import type { AlertSubject, CircuitReport, ObservedEvent } from "ninelives/observer";
import { type Browser, type BrowserContext, type Page, chromium as playwright } from "playwright";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { chromium, chromiumArguments } from "../chromium.ts";
import { alive, at, rule } from "./living-observer.ts";
import { look, settled, wide } from "./look.ts";
import { calledPolicy, PlayedObserver, systemOf } from "./played-observer.ts";

let browser: Browser;
let context: BrowserContext | undefined;
const complaints: string[] = [];

beforeAll(async () => {
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
    expect(await page.getByText("sending…").count()).toBe(0);
    await page.keyboard.type("wrong");
    await page.keyboard.press("Enter");
    const why = page.getByRole("dialog").getByRole("alert");
    await why.getByText("The server does not know this token.").waitFor();
    await page.getByLabel("Token", { exact: true }).fill("s3cret");
    await page.keyboard.press("Enter");
    await page.getByText("✓ forced open").waitFor();
    expect(observer.commands).toEqual([
      { name: "circuit.open", token: "Bearer wrong", circuit: "products" },
      { name: "circuit.open", token: "Bearer s3cret", circuit: "products" },
    ]);
    expect(await focused()).toBe("Force open");
  });

  it("steers the circuit of a member by its own name, and offers none of an upstream that has none", async () => {
    const [member] = calledPolicy("prices.canary", at).circuits as [CircuitReport];
    const circuits = [{ ...member, state: "forced-open" as const }];
    const stamp = { version: 0, updatedAt: null, updatedBy: null };
    const observer = new PlayedObserver(
      systemOf([calledPolicy("prices", at, { circuits })], at),
      [],
      [
        { name: "prices", text: "bulkhead(200) + timeout(5s) + retry(3)", ...stamp },
        { name: "prices.canary", text: "circuitBreaker", ...stamp },
      ],
    );
    const page = await visit(observer);
    await page.evaluate("sessionStorage.setItem('ninelives.token', 's3cret')");
    const card = (name: string) => page.locator(`article[aria-labelledby="card-${name}"]`);
    await card("prices").getByText("prices.canary is forced open").waitFor();
    await card("prices.canary").getByRole("button", { name: "Close" }).waitFor();
    const states = async () => [
      await card("prices").getAttribute("data-state"),
      await card("prices.canary").getAttribute("data-state"),
    ];
    expect(await states()).toEqual(["no-circuit", "forced-open"]);
    expect(await card("prices").getByRole("button").count()).toBe(0);
    await page.goto("http://dashboard.test/#/policy/prices");
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByText("✓ closed").waitFor();
    expect(observer.commands).toEqual([
      { name: "circuit.close", token: "Bearer s3cret", circuit: "prices.canary" },
    ]);
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

  it("pauses its log by the keyboard, tells what comes meanwhile, and goes on with it", async () => {
    const observer = alive();
    const page = await visit(observer);
    const focused = () => page.evaluate<string>("document.activeElement.textContent");
    const tabTo = async (name: string) => {
      for (let presses = 0; (await focused()) !== name && presses < 40; presses++)
        await page.keyboard.press("Tab");
      expect(await focused()).toBe(name);
    };
    await tabTo("Events");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Events" }).waitFor();
    // What came has the focus, so that a screen reader begins there.
    await eventually(() => page.evaluate<string>("document.activeElement.tagName")).toBe("MAIN");
    await tabTo("Pause");
    await page.keyboard.press("Space");
    const told = (number: number): ObservedEvent[] => [
      { type: "timeout.occurred", policy: "products", after: number, at: at + number, source: "page 3f9c" },
    ];
    const message = {
      type: "delta",
      at,
      totals: { events: 1, dropped: 0 },
      policies: [],
      skipped: 0,
    } as const;
    observer.say({ ...message, events: told(111) });
    await page.getByText("paused · 1 event since").waitFor();
    observer.say({ ...message, events: told(222) });
    await page.getByText("paused · 2 events since").waitFor();
    // What counts up is no news to a screen reader.
    expect(await page.locator('.toolbar [role="status"]').allTextContents()).toEqual(["paused"]);
    expect(await page.getByText("within 111").count()).toBe(0);
    expect(await focused()).toBe("Go on");
    await page.keyboard.press("Space");
    await page.getByText("within 222").waitFor();
    expect(await page.getByText(/paused/).count()).toBe(0);
  });

  it("is gone through by the keyboard: windows, order, groups, alerts, and from an alert to its policy", async () => {
    const page = await visit(alive());
    const focused = () =>
      page.evaluate<string>("document.activeElement.ariaLabel ?? document.activeElement.textContent");
    const tabTo = async (name: string) => {
      for (let presses = 0; (await focused()) !== name && presses < 60; presses++)
        await page.keyboard.press("Tab");
      expect(await focused()).toBe(name);
    };
    const first = () => page.getByRole("article").first().getByRole("heading").textContent();
    await eventually(first).toBe("prices");
    await tabTo("Sort policies");
    await page.keyboard.press("b");
    await eventually(first).toBe("never-called");
    await tabTo("Group policies");
    await page.keyboard.press("End");
    await page.locator(".group").first().waitFor();
    await tabTo("last minute");
    await page.keyboard.press("ArrowRight");
    expect(await page.getByLabel("last 5 minutes").isChecked()).toBe(true);
    const folds = () => page.locator('.group button[aria-expanded="false"]').count();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await eventually(folds).toBe(1);
    await page.keyboard.press("Enter");
    await eventually(folds).toBe(0);
    await page.getByRole("link", { name: /Alerts/ }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Alerts" }).waitFor();
    await tabTo("products");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "products", level: 1 }).waitFor();
  });

  it("tells a screen reader when a circuit changes or an alert begins to fire, and of nothing else that happens", async () => {
    const observer = alive();
    const page = await visit(observer);
    const announced = () => page.locator('[aria-live="polite"]').textContent();
    await eventually(announced).toMatch(/^circuit prices opened/);
    const message = {
      type: "delta",
      at,
      totals: { events: 1, dropped: 0 },
      policies: [],
      alerts: [rule],
      skipped: 0,
    } as const;
    const stamp = { policy: "prices", at, source: "worker a01b" };
    const late: ObservedEvent = { type: "timeout.occurred", after: 5, ...stamp };
    const half: ObservedEvent = { type: "circuit.half-opened", circuit: "prices", from: "open", ...stamp };
    observer.say({ ...message, events: [half, late] });
    await eventually(announced).toBe("circuit prices lets a probe through");
    observer.say({ ...message, events: [late], policies: [calledPolicy("products", at, { reporters: 31 })] });
    await page.getByText("31 reporters").waitFor();
    expect(await announced()).toBe("circuit prices lets a probe through");
    const alarm = () => page.locator('.alarm[role="status"]').textContent();
    expect(await alarm()).toBe("");
    const [subject] = rule.subjects;
    const subjects = [...rule.subjects, { ...(subject as AlertSubject), policy: "prices" }];
    observer.say({ ...message, events: [], alerts: [{ ...rule, subjects }] });
    await eventually(alarm).toMatch(/^Alert fires: products fail for prices, since [\d:]+$/);
  });

  it("draws a chart once, however renders overtake each other", async () => {
    const page = await visit(alive(), {}, "#/audit");
    await page.getByRole("heading", { name: "Audit" }).waitFor();
    // A busy machine renders anew before the effects of the render before have run.
    await page.evaluate(`(async () => {
      history.replaceState(null, "", "#/policy/products");
      for (let render = 0; render < 10; render++) {
        dispatchEvent(new Event("hashchange"));
        await new Promise((resolve) => setTimeout(resolve));
      }
    })()`);
    await page.locator("canvas").nth(1).waitFor();
    await settled(page);
    expect(await page.locator("canvas").count()).toBe(2);
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
    await page.evaluate(axe.source);
    await look(page, "disconnected");
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
