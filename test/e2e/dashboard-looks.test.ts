import { join } from "node:path";
import axe from "axe-core";
import { shardOf } from "ninelives/observer";
import { type Browser, type BrowserContext, type Page, chromium as playwright } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromium, chromiumArguments } from "../chromium.ts";
import { alive, at, rule } from "./living-observer.ts";
import { look, pictures, settled, wide } from "./look.ts";
import { calledPolicy, entry, PlayedObserver, systemOf } from "./played-observer.ts";

let browser: Browser;

beforeAll(async () => {
  browser = await playwright.launch({ executablePath: chromium(), args: [...chromiumArguments] });
});

afterAll(() => browser?.close());

const views = [
  ["overview", "#/"],
  ["policy", "#/policy/prices"],
  ["events", "#/events"],
  ["alerts", "#/alerts"],
  ["audit", "#/audit"],
] as const;

describe("the dashboard, without anything that axe finds grave, light and dark, wide and at phone width,", () => {
  const shown = { colorScheme: "light", reducedMotion: "reduce" } as const;
  /** One page goes through all that the observer that is alive has to show. */
  let tour: { readonly context: BrowserContext; readonly page: Page };

  async function looking(observer: PlayedObserver): Promise<typeof tour> {
    const context = await browser.newContext({ viewport: wide, ...shown });
    await context.addInitScript(axe.source);
    await observer.answer(context);
    const page = await context.newPage();
    await observer.open(page);
    await page.evaluate("sessionStorage.setItem('ninelives.token', 's3cret')");
    return { context, page };
  }

  beforeAll(async () => {
    tour = await looking(alive());
  });
  afterAll(() => tour?.context.close());

  const to = async (hash: string) => {
    await tour.page.goto(`http://dashboard.test/${hash}`);
    await tour.page.getByRole("heading", { level: 1 }).waitFor();
  };

  it.each(views)("shows %s", async (name, hash) => {
    await to(hash);
    await look(tour.page, name);
  });

  it("shows groups, one of them folded", async () => {
    const { page } = tour;
    await to("#/");
    await page.getByLabel("Group policies").selectOption("state");
    await page.locator('.group button[aria-expanded="true"]').first().click();
    await page.locator('.group button[aria-expanded="false"]').waitFor();
    await look(page, "groups");
  });

  it("shows a log that is paused", async () => {
    const { page } = tour;
    await to("#/events");
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("paused · 0 events since").waitFor();
    await look(page, "events-paused");
    await page.getByRole("button", { name: "Go on" }).click();
  });

  it("says which version followers have, and who refuses one, and why", async () => {
    const { page } = tour;
    await to("#/policy/prices");
    // There is no document to change here, but who has it is told all the same.
    await page.getByText("Version 2 is in force with 4 of 6 followers, as they told last.").waitFor();
    await page.getByText(/2 followers refuse version 3: line 1, .* · node 7c1e and 1 more, \d/).waitFor();
    await to("#/policy/products");
    await page.getByText("2 followers refuse version 3").waitFor();
    await to("#/policy/never-called");
    await page.getByText("As configured, never changed (version 0).").waitFor();
    expect(await page.getByText("Nobody has told which version").count()).toBe(0);
  });

  it("changes a policy", async () => {
    const { page } = tour;
    await to("#/policy/products");
    await page.getByRole("button", { name: "Edit text" }).click();
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByText('line 1, column 12: found "+"').waitFor();
    await look(page, "editor-refused");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "1 more, as by default" }).click();
    await page.getByRole("button", { name: "Change retry.attempts" }).click();
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByRole("button", { name: "Apply" }).waitFor();
    await page.getByRole("button", { name: "Versions" }).click();
    await page.getByText("Version 1").waitFor();
    await look(page, "editor-preview");
  });

  it("asks for a token in a dialog", async () => {
    const { page } = tour;
    await page.evaluate("sessionStorage.removeItem('ninelives.token')");
    await to("#/");
    await page.getByRole("button", { name: "Reset" }).first().click();
    await page.getByRole("dialog").waitFor();
    await look(page, "token");
    await page.getByRole("button", { name: "Not now" }).click();
  });

  it("shows what nobody can tell it of now, and alerts of which nobody knows", async () => {
    const [known, lost] = ["products", "prices"];
    const absent = { shards: [shardOf(lost, 2)], of: 2 };
    expect(shardOf(known, 2)).not.toBe(absent.shards[0]);
    const quiet = { ...rule, state: "ok", subjects: [] } as const;
    const gaps = [{ from: at - 20_000, to: at - 15_000 }];
    const whole = systemOf([calledPolicy(known, at), calledPolicy(lost, at)], at, { alerts: [quiet], gaps });
    const observer = new PlayedObserver(whole);
    const { context, page } = await looking(observer);
    try {
      const card = page.locator(`article[aria-labelledby="card-${lost}"]`);
      await card.getByText("calls pass").waitFor();
      await page
        .getByText(/The observer was restarted: between \S+ and \S+ something may be missing/)
        .waitFor();
      const totals = { events: 2, dropped: 0 };
      observer.say({
        type: "delta",
        at,
        totals,
        policies: [],
        alerts: [quiet],
        absent,
        events: [],
        skipped: 0,
      });
      await card.getByText("unknown: its shard of the observer does not answer").waitFor();
      await page.getByText("1 of 2 shards of the observer does not answer").waitFor();
      expect(await card.locator("dd").allTextContents()).toEqual(["–", "–", "–", "–"]);
      expect(await page.locator(".totals dd").allTextContents()).toEqual(["≥ 1", "≥ 0", "≥ 2/s", "–"]);
      await look(page, "absent");
      await page.goto("http://dashboard.test/#/alerts");
      await page.getByText("none is known to fire").waitFor();
      expect(await page.locator(".alert-state").allTextContents()).toEqual(["unknown"]);
      const policies = [calledPolicy(lost, at)];
      observer.say({ type: "delta", at, totals, policies, alerts: [quiet], events: [], skipped: 0 });
      await page.getByText("none fires").waitFor();
      expect(await page.locator(".totals dd").first().textContent()).toBe("2");
    } finally {
      await context.close();
    }
  });

  it("shows all views 320 px wide and with long names without a scroll sideways, and what is unknown as such", async () => {
    // Nowhere in it may a line break by itself.
    const long = "a_name_".repeat(15);
    const [known] = calledPolicy(long, at).circuits;
    const circuits = [
      { ...known, state: "open", until: at + 600_000, openings: 3, reason: "failures" } as never,
    ];
    const other = calledPolicy("(other)", at, { circuits: [] });
    const silent = calledPolicy("silent", at, { lastEventAt: at - 180_000, reporters: 0 });
    const subjects = [{ policy: long, circuit: long, state: "firing", since: at, value: null } as const];
    const alerts = [{ ...rule, name: long, when: "circuit-open", subjects } as const];
    const refused = [{ source: "page 3f9c", version: 3, reason: long, at }];
    const document = { version: 2, followers: 6, current: 4, refused };
    const policies = [calledPolicy(long, at, { circuits, document }), other, silent];
    const stamp = { policy: long, at, source: "worker a01b", key: long };
    const played = new PlayedObserver(
      systemOf(policies, at, { since: at - 60_000, alerts }),
      [{ type: "circuit.half-opened", circuit: long, from: "open", ...stamp }],
      [{ name: long, text: `circuitBreaker(name: "${long}")`, version: 2, updatedAt: 1, updatedBy: long }],
    );
    const entries = ["requested", "done", "denied"].map((outcome, seq) => ({ ...entry, seq, outcome }));
    played.entries = entries.map((each) => ({
      ...each,
      identity: long,
      args: JSON.stringify({ circuit: long }),
    }));
    const { context, page } = await looking(played);
    try {
      await page.setViewportSize({ width: 320, height: 640 });
      const fits = async (name: string) => {
        await settled(page);
        const sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        expect(await page.evaluate<number>(sideways), name).toBeLessThanOrEqual(0);
        // Nor does anything stick out of its panel.
        const cut =
          "[...document.querySelectorAll('.panel, .card, .change, dialog, table')].filter((e) => e.scrollWidth > e.clientWidth + 1)";
        expect(await page.evaluate<string[]>(`${cut}.map((e) => e.className)`), name).toEqual([]);
        await page.screenshot({ path: join(pictures, `narrow-${name}.png`), fullPage: true });
      };
      for (const [name, hash] of [...views, ["long-policy", `#/policy/${long}`]] as const) {
        await page.goto(`http://dashboard.test/${hash}`);
        await page.getByRole("heading", { level: 1 }).waitFor();
        if (name === "audit") await page.getByText("denied").waitFor();
        await fits(name);
      }
      await page.getByRole("button", { name: "Edit text" }).click();
      await page.getByRole("button", { name: "Preview" }).click();
      await page.getByText('line 1, column 12: found "+"').waitFor();
      await page.getByRole("button", { name: "Versions" }).click();
      await page.getByText("Version 1").waitFor();
      await fits("editor");
      await page.goto("http://dashboard.test/#/");
      await page.getByLabel("Group policies").selectOption("name");
      await page.locator(".group").first().waitFor();
      await fits("groups");
      await page.getByLabel("Group policies").selectOption("none");
      const card = (name: string) => page.locator(`article[aria-labelledby="card-${name}"]`);
      await card("(other)").getByText("nobody has told of a circuit").waitFor();
      expect(await card("(other)").locator(".badge").textContent()).toBe("no circuit");
      const lines = (name: string) => card(name).getByRole("img").getAttribute("aria-label");
      expect(await lines("(other)")).toMatch(/^Since [\d:]+: \d+ calls, \d+ failed, \d+ refused$/);
      expect(await lines("silent")).toBe("Last two minutes: unknown");
      expect(await card("silent").locator("dd").allTextContents()).toEqual(["–", "–", "–", "–"]);
      const asides = await card("silent").locator(".asides").textContent();
      expect(asides).toMatch(/^no calls heard for 3.min.*– refused– of 10 at once.*– retries0 reporters$/);
      await page.emulateMedia({ forcedColors: "active" });
      const outline = "getComputedStyle(document.querySelector('.switch input:checked + span')).outlineStyle";
      expect(await page.evaluate<string>(outline)).toBe("solid");
    } finally {
      await context.close();
    }
  });

  it("shows an observer that knows nothing yet", async () => {
    const { context, page } = await looking(new PlayedObserver(systemOf([], at), [], []));
    try {
      await page.getByText("No calls yet").waitFor();
      await look(page, "empty");
    } finally {
      await context.close();
    }
  });
});
