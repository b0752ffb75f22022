import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { EventType } from "../src/core/events.ts";
import { type AlertRule, checkRules, metricsOf, Observer } from "../src/observer/index.ts";
import { severityOf } from "../src/telemetry/index.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFileSync(root + path, "utf8");
const page = read("docs/telemetry.md");
const operations = read("docs/OPERATIONS.md");

/** The rows of the first table below a heading of the page, cell by cell. */
function rowsBelow(heading: string): string[][] {
  const [, below = ""] = page.split(new RegExp(`^#+ ${heading}$`, "m"));
  const [table = ""] = below.match(/(?:^\|.*\n)+/m) ?? [];
  return table
    .split("\n")
    .slice(2, -1)
    .map((row) =>
      row
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** The members that a piece of a type declares, an optional one with `?`. */
const members = (type: string): string[] =>
  [...type.matchAll(/readonly (\w+)(\??):/g)].map(([, name, optional]) => `\`${name}${optional}\``);

const source = read("src/core/events.ts");
/** What stands between the braces of an interface. */
const bodyOf = (name: string): string =>
  new RegExp(`^export interface ${name} \\{\\n(.*?)^\\}`, "ms").exec(source)?.[1] ?? "";

/** Each type of event with its fields, as the source declares them. */
function declared(): Map<string, string> {
  const [, ...pairs] = bodyOf("EventDetails").split(/^ {2}"([a-z.-]+)": /m);
  return new Map(
    pairs.flatMap((type, index) => {
      if (index % 2 !== 0) return [];
      const [details = ""] = (pairs[index + 1] as string).split(/;\n(?= {2}(?:\/\*\*|"|$))/);
      const common = details.includes("CallMeasures") ? members(bodyOf("CallMeasures")) : [];
      return [[type, [...common, ...members(details)].join(", ")]];
    }),
  );
}

describe("docs/telemetry.md", () => {
  const events = rowsBelow("Events");

  it("lists each type of event, with its fields as the code declares them", () => {
    expect(declared().size).toBeGreaterThan(25);
    expect(events.map(([type, fields]) => [type?.replaceAll("`", ""), fields])).toEqual([...declared()]);
  });

  it("gives the severity of each", () => {
    expect(events.map(([type, , severity]) => [type, severity])).toEqual(
      events.map(([type = ""]) => [type, severityOf({ type: type.replaceAll("`", "") as EventType })]),
    );
  });

  it("lists what each event carries", () => {
    expect(rowsBelow("What each event carries").map(([field]) => field)).toEqual([
      "`type`",
      ...members(bodyOf("EventStamp")),
    ]);
  });

  const families = metricsOf(new Observer(0), 0);

  it("lists each family of metrics, with its type and help as /metrics gives them", () => {
    expect(rowsBelow("Prometheus").map(([name, type, , help]) => [name, type, help])).toEqual(
      families.map(({ name, type, help }) => [`\`${name}\``, type, help]),
    );
  });

  it("and the page on operations name no metric that does not exist", () => {
    const names = families.map(({ name }) => name);
    const used = [...`${page}${operations}`.matchAll(/\bresilience_\w+/g)].map(([name]) => name);
    expect(used.length).toBeGreaterThan(20);
    expect(used.filter((name) => !names.includes(name.replace(/_(?:bucket|sum|count)$/, "")))).toEqual([]);
  });
});

describe("docs/OPERATIONS.md", () => {
  it("shows rules for alerts that are right", () => {
    const [, example = ""] = /^```json\n(.*?)^```$/ms.exec(operations) ?? [];
    const { rules } = JSON.parse(example) as { rules: AlertRule[] };
    expect(checkRules(rules).map(({ when }) => when)).toEqual([
      "error-rate",
      "circuit-open",
      "latency",
      "amplification",
    ]);
  });

  it.each([
    ["batches that wait for the observer in an isolate", "workers/telling.ts", "mostUntold"],
    ["batches that an isolate keeps for each of `EXPORTS`", "workers/collector.ts", "mostUnexported"],
    ["policies told apart, by a shard of the observer", "src/observer/observer.ts", "mostPolicies"],
    ["a batch", "src/telemetry/batch-format.ts", "largestBatch"],
  ])("has the capacity of the code: %s", (what, file, name) => {
    const [, limit = ""] = new RegExp(`const ${name} = ([\\d_]+);`).exec(read(file)) ?? [];
    const row = operations.split("\n").find((line) => line.startsWith(`| ${what} |`));
    expect(row).toMatch(new RegExp(`\\| ${Number(limit.replaceAll("_", "")).toLocaleString("en")}\\b`));
  });

  it("lists what the Worker can be configured with", () => {
    const texts = [...read("workers/env.ts").matchAll(/readonly ([A-Z_]+)\??: string;/g)].map(
      ([, name]) => name,
    );
    const [, table = ""] = operations.split(/^## Configuration$/m);
    const listed = [...table.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name]) => name);
    expect(listed.sort()).toEqual(texts.sort());
  });
});
