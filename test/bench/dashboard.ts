/**
 * `npm run bench:dashboard`: what it costs the dashboard that an observer tells of thousands of policies, four times a second
 * those that changed and every five seconds all, and for how long at a time its page does not answer.
 *
 * --policies=<number>  Default 2000
 * --seconds=<number>   Default 20
 *
 * Needs what `npm run build` makes.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium as playwright } from "playwright";
import { chromium, chromiumArguments } from "../chromium.ts";
import { calledPolicy, PlayedObserver, systemOf } from "../e2e/played-observer.ts";

const folder = fileURLToPath(new URL("../../.reports/dashboard/", import.meta.url));
mkdirSync(folder, { recursive: true });
const { values: flags } = parseArgs({
  options: { policies: { type: "string", default: "2000" }, seconds: { type: "string", default: "20" } },
});
const [policies, seconds] = [Number(flags.policies), Number(flags.seconds)];

/** Milliseconds of the processor that a message may take: a quarter of a second is between two. */
const most = 100;
/** Of the policies, how many change between two messages. */
const changing = 0.1;

interface Tasks {
  /** Milliseconds of each task that took 50 or more. */
  readonly long: readonly number[];
  /** Milliseconds between two frames, at most. */
  readonly frame: number;
}

const browser = await playwright.launch({ executablePath: chromium(), args: [...chromiumArguments] });
try {
  const at = Date.now();
  const names = Array.from({ length: policies }, (_, index) => `shop${index % 5}.p${index}`);
  const observer = new PlayedObserver(
    systemOf(
      names.map((name) => calledPolicy(name, at)),
      at,
    ),
  );
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  await observer.answer(context);
  const page = await context.newPage();
  await observer.open(page);
  await page.getByRole("article").first().waitFor();
  await page.evaluate(`(() => {
    globalThis.tasks = { long: [], frame: 0 };
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) tasks.long.push(duration);
    }).observe({ type: "longtask" });
    let last = performance.now();
    const next = (now) => {
      tasks.frame = Math.max(tasks.frame, now - last);
      last = now;
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  })()`);
  const devtools = await context.newCDPSession(page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
  const before = await busy();
  for (let turn = 1; turn <= seconds * 4; turn++) {
    const whole = turn % 20 === 0;
    const told = names.filter((_, index) => whole || (index + turn) % (1 / changing) === 0);
    observer.say({
      type: "delta",
      at: at + turn * 250,
      totals: { events: turn, dropped: 0 },
      policies: told.map((name) => calledPolicy(name, at, { reporters: turn })),
      events: [],
      skipped: 0,
    });
    await sleep(250);
  }
  const each = ((await busy()) - before) / (seconds * 4);
  const { long, frame } = await page.evaluate<Tasks>("tasks");
  const worst = Math.max(0, ...long);
  writeFileSync(
    `${folder}dashboard.json`,
    `${JSON.stringify({ policies, seconds, each, long, frame }, undefined, 2)}\n`,
  );
  console.log(
    `policies ${policies}, tasks of 50 ms or more in ${seconds} s: ${long.length}, between frames at most ${Math.round(frame)} ms`,
  );
  console.log(`longest task ${Math.round(worst)} ms, processor a message ${each.toFixed(1)} ms`);
  process.exitCode = each <= most ? 0 : 1;

  /** Milliseconds of the processor that the page's thread has taken. */
  async function busy(): Promise<number> {
    const { metrics } = await devtools.send("Performance.getMetrics");
    return 1_000 * (metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0);
  }
} finally {
  await browser.close();
}
