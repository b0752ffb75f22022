import { ManualClock } from "ninelives/testing";
import { expect, it } from "vitest";
import { json, Stage } from "./stage.ts";

const until = new ManualClock().wall() + 12 * 60_000;
const dry = { dryRun: true, applies: true, changes: [], errors: [] };
const text = "retry(2) + timeout(1s)";

it.each<[string, object, string]>([
  [
    "policies set prices retry(2)",
    { ends: { version: 3, until } },
    "it ended the override of version 3, which had 12m to go\n",
  ],
  [
    "policies dry-run prices retry(2)",
    { ...dry, ends: { version: 3, until } },
    "it would end the override of version 3, which had 12m to go\n",
  ],
  [
    "policies update prices retry.attempts=2",
    { until, beneath: { version: 4, text } },
    `version 4 is in force, for 12m\nretry(2)\nafter it comes back: ${text}\n`,
  ],
  [
    "policies update prices retry.attempts=2 --dry-run",
    { ...dry, until, beneath: text },
    `the override holds on for 12m, and what comes back after it is changed too: ${text}\n`,
  ],
])("ninelives %s says what becomes of an override", async (line, answer, said) => {
  const stage = new Stage(({ body }) => {
    const { name } = body as { readonly name: string };
    return json({
      value: name === "policy.get" ? { version: 3 } : { version: 4, text: "retry(2)", ...answer },
    });
  });
  expect(await stage.run(...line.split(" "))).toBe(0);
  expect(stage.out).toContain(said);
});
