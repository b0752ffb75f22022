import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { AxeResults, RunOptions } from "axe-core";
import type { Page } from "playwright";
import { expect } from "vitest";

/** Where screenshots go. */
export const pictures = join(import.meta.dirname, "../../.reports/screenshots");
mkdirSync(pictures, { recursive: true });
export const wide = { width: 1440, height: 900 };
const phone = { width: 390, height: 844 };

/** What axe finds serious or critical. */
async function grave(page: Page, options: RunOptions = {}): Promise<string[]> {
  const { violations } = await page.evaluate<AxeResults>(`axe.run(${JSON.stringify(options)})`);
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

/** Waits until nothing moves any more and what was changed is drawn. */
export const settled = (page: Page) =>
  page.evaluate(`(async () => {
    await Promise.all(document.getAnimations().map(({ finished }) => finished.catch(() => {})));
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
  })()`);

/**
 * Looks at what a page with axe in it shows: with all of axe, its contrasts in the dark as well, and at phone width, where nothing is cut off at the
 * side. Contrasts take most of a scan, and are the same at each width.
 */
export async function look(page: Page, name: string): Promise<void> {
  const picture = (kind: string) => page.screenshot({ path: join(pictures, `view-${name}-${kind}.png`) });
  await settled(page);
  expect(await grave(page), `${name}, light`).toEqual([]);
  await picture("wide-light");
  await page.emulateMedia({ colorScheme: "dark" });
  await settled(page);
  const contrasts: RunOptions = { runOnly: ["color-contrast"] };
  expect(await grave(page, contrasts), `${name}, dark`).toEqual([]);
  await picture("wide-dark");
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(phone);
  await settled(page);
  const others: RunOptions = { rules: { "color-contrast": { enabled: false } } };
  expect(await grave(page, others), `${name}, at phone width`).toEqual([]);
  const overflow = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
  expect(overflow, `${name} is too wide for a phone`).toBeLessThanOrEqual(0);
  await picture("phone-light");
  await page.setViewportSize(wide);
}
