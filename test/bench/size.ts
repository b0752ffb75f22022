/**
 * `npm run size`: what our policies and the peers' weigh in a page, measured alike, and what ours is made of.
 *
 * Needs `npm run build`. Bundled and minified by esbuild for browsers, then gzip -9, as in the package test.
 *
 * --write        puts the tables into docs/size.md
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { root } from "./bundle.ts";

const { values: flags } = parseArgs({ options: { write: { type: "boolean", default: false } } });

const rows: readonly (readonly [name: string, code: string])[] = [
  ["`retry`", `export { retry } from "ninelives"`],
  ["p-retry", `export { default } from "p-retry"`],
  ["cockatiel: retry with back-off", `export { retry, handleAll, ExponentialBackoff } from "cockatiel"`],
  [
    "`compose`, `retry`, `timeout`, `circuitBreaker`, `bulkhead`, `fallback`",
    `export { compose, retry, timeout, circuitBreaker, bulkhead, fallback } from "ninelives"`,
  ],
  [
    "the same and `rateLimit`, `hedge`",
    `export { compose, retry, timeout, circuitBreaker, bulkhead, rateLimit, fallback, hedge } from "ninelives"`,
  ],
  [
    "cockatiel: wrap, retry, timeout, breaker (two kinds), bulkhead, fallback",
    `export { wrap, retry, handleAll, ExponentialBackoff, timeout, TimeoutStrategy, circuitBreaker, ConsecutiveBreaker,
      SamplingBreaker, bulkhead, fallback } from "cockatiel"`,
  ],
  ["@git-stunts/alfred, all of it", `export * from "@git-stunts/alfred"`],
  ["opossum, without Node's `events`", `export { default } from "opossum"`],
  ["`resilientFetch`", `export { resilientFetch } from "ninelives/fetch"`],
  ["the same of `ninelives/browser`, with idb-keyval", `export { resilientFetch } from "ninelives/browser"`],
  ["ky", `export { default } from "ky"`],
  ["@fetchkit/ffetch", `export * from "@fetchkit/ffetch"`],
];

/** What the parts are for, by the names of their files. */
const purposes: readonly (readonly [purpose: string, files: RegExp])[] = [
  ["abort: one leg for each part of a call, signals made when read, listeners let go", /core\/leg/],
  [
    "the context: deadline, attempt, key, environment, events' stamps",
    /core\/(context|call|events|environment)/,
  ],
  ["time-outs and deadlines: a shared timer, what comes too late", /core\/(bound|deadlines|clock)|timeout/],
  [
    "linking: layers, exits, compose, what a call begins with",
    /core\/(layered|exit|policy|start|platform|random)/,
  ],
  ["what outcomes mean: rejections, classification", /core\/(errors|classify)|verdict/],
  [
    "options: checks, messages that quote, adaptive and computed values",
    /core\/(options|check|duration|adaptive)/,
  ],
  ["retry: back-offs, jitter, time bound, budget", /retry\.js|backoff|budget/],
  [
    "circuit: states, probes, growing open time, both kinds of windows, snapshots",
    /circuit|window|announce|admission/,
  ],
  [
    "bulkhead: a bounded queue with priorities and a live limit",
    /bulkhead|compartment|waiter|line\.js|queue/,
  ],
  ["rate limit: token bucket, waiting turns that may be given back", /rate|token|turns/],
  ["hedge", /hedge|percentile/],
  ["fallback, `orElse`", /answer|branches/],
  ["fetch: manners, repeatability, bodies, status classes, `Retry-After`", /fetch\//],
  ["keyed, presets", /keyed|presets|choice/],
];

interface Weighed {
  readonly gzip: number;
  readonly minified: number;
  /** Minified bytes by file. */
  readonly files: readonly (readonly [path: string, bytes: number])[];
}

async function weigh(code: string): Promise<Weighed> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: root },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: ["node:events", "events"],
    write: false,
    outfile: "bundle.js",
    metafile: true,
    tsconfigRaw: "{}",
    logLevel: "silent",
  });
  const [output] = Object.values(metafile.outputs);
  const bytes = outputFiles[0]?.contents ?? new Uint8Array();
  return {
    gzip: gzipSync(bytes, { level: 9 }).length,
    minified: bytes.length,
    files: Object.entries(output?.inputs ?? {}).map(([path, { bytesInOutput }]) => [path, bytesInOutput]),
  };
}

const kilo = (bytes: number) => (bytes / 1000).toFixed(1);

async function sizes(): Promise<string> {
  const lines = ["| bundle | gzip, kB | minified, kB |", "| --- | ---: | ---: |"];
  for (const [name, code] of rows) {
    const { gzip, minified } = await weigh(code);
    lines.push(`| ${name} | ${kilo(gzip)} | ${kilo(minified)} |`);
  }
  return lines.join("\n");
}

/** A part's size is its share of the minified bytes: after gzip no byte belongs to one file alone. */
async function parts(): Promise<string> {
  const bundles = await Promise.all([0, 4, 8].map((row) => weigh(rows[row]?.[1] ?? "")));
  const left = bundles.map(({ files }) => [...files]);
  const lines = ["| what for | `retry` | the eight | `resilientFetch` |", "| --- | ---: | ---: | ---: |"];
  const print = (purpose: string, files: RegExp) => {
    const cells = bundles.map(({ gzip, minified }, index) => {
      const mine = left[index]?.filter(([path]) => files.test(path)) ?? [];
      left[index] = left[index]?.filter(([path]) => !files.test(path)) ?? [];
      const bytes = mine.reduce((sum, [, each]) => sum + each, 0);
      return bytes === 0 ? "" : kilo((bytes * gzip) / minified);
    });
    if (cells.some((cell) => cell !== "")) lines.push(`| ${purpose} | ${cells.join(" | ")} |`);
  };
  for (const [purpose, files] of purposes) print(purpose, files);
  print("other", /./);
  lines.push(`| together | ${bundles.map(({ gzip }) => kilo(gzip)).join(" | ")} |`);
  return lines.join("\n");
}

const tables = { sizes: await sizes(), parts: await parts() };
for (const table of Object.values(tables)) console.log(`${table}\n`);

if (flags.write) {
  const page = `${root}docs/size.md`;
  let text = readFileSync(page, "utf8");
  for (const [name, table] of Object.entries(tables)) {
    const between = new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`);
    text = text.replace(between, (_, begin: string, end: string) => `${begin}\n${table}\n\n${end}`);
  }
  writeFileSync(page, text);
}
