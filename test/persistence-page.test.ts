import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import * as ninelives from "ninelives";
import * as http from "ninelives/fetch";
import { perOrigin, resilientFetch } from "ninelives/fetch";
import { Observer } from "ninelives/observer";
import { memoryStore } from "ninelives/stores/memory";
import { group } from "ninelives/upstreams";
import { workerPool } from "ninelives/worker-pool";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The names of a row's first cell, and whether there is something to keep. */
const rows = (
  readFileSync(`${root}docs/shared-state.md`, "utf8").match(
    /<!-- persistence -->(.*?)<!-- end of persistence -->/s,
  )?.[1] ?? ""
)
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .flatMap((line) => {
    const [, names = "", holds = ""] = line.split("|").map((cell) => cell.trim());
    return [...names.matchAll(/`(\w+)`/g)].map(
      ([, name = ""]) => [name, !holds.startsWith("nothing")] as const,
    );
  });

interface Keeper {
  snapshot(now?: number): unknown;
  restore(snapshot: unknown, now?: number): void;
}

/** How to make those that take options, or are no function of `ninelives`. */
const made: Readonly<Record<string, () => unknown>> = {
  rateLimit: () => ninelives.rateLimit({ limit: 1, feedback: ninelives.aimdRate() }),
  percentile: () => ninelives.percentile(0.9),
  group: () => group({ members: [{ name: "a", service: async () => 1 }] }),
  memoryStore: () => memoryStore(),
  Observer: () => new Observer(0),
  keyed: () => ninelives.keyed(() => ninelives.retry()),
  perOrigin: () => perOrigin(),
  resilientFetch: () => resilientFetch(),
  workerPool: () => workerPool({ module: new URL("file:///none.js") }),
  lease: () => ninelives.lease(memoryStore(), "leader"),
  timeout: () => ninelives.timeout("1s"),
  bulkhead: () => ninelives.bulkhead(1),
  answer: () => ninelives.answer(1),
  fallback: () => ninelives.fallback(1),
  coalesce: () => ninelives.coalesce({ key: String }),
  cache: () => ninelives.cache({ key: String, ttl: "1s" }),
  chaos: () => ninelives.chaos({ latency: "1s" }),
  environment: () => ninelives.environment({}),
  idleTimeout: () => http.idleTimeout("1s"),
  openTelemetry: () => http.openTelemetry({ api: {} as never }),
};

function make(name: string): unknown {
  const usual = { ...http, ...ninelives } as unknown as Record<string, () => unknown>;
  return (made[name] ?? usual[name])?.();
}

describe("the table of what outlives a restart", () => {
  it.each(rows)("tells the truth of %s", (name, keeps) => {
    const value = make(name) as Keeper;
    expect(value, `${name} can be made`).toBeDefined();
    expect(typeof value.snapshot, `${name} has a snapshot`).toBe(keeps ? "function" : "undefined");
    if (!keeps) return;
    // An observer has one for each policy that it has seen, and none here.
    const snapshot = value.snapshot(0) ?? null;
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
  });

  it("names every policy that has a page", () => {
    const camel = (name: string) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    const pages = globSync("docs/policies/*.md", { cwd: root }).map((path) => camel(basename(path, ".md")));
    const named = new Set(rows.map(([name]) => name));
    // Of these pages the first is about a way to write policies, and the second about those that others make up.
    const other = ["decorators", "presets"];
    expect(pages.filter((page) => !named.has(page) && !other.includes(page))).toEqual([]);
  });
});
