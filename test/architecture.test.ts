import { globSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import manifest from "../package.json" with { type: "json" };

const root = fileURLToPath(new URL("..", import.meta.url));

const policies = ["core", "state", "policies"];
const inside = [...policies, "expression"];

/** Which rooms of src a room may import besides itself. A room that is not listed may not exist. */
const arrows: Record<string, readonly string[]> = {
  core: [],
  state: [],
  policies: ["core", "state"],
  expression: policies,
  "index.ts": inside,
  testing: ["core"],
  fetch: inside,
  stores: inside,
  telemetry: inside,
  control: inside,
  observer: inside,
  upstreams: inside,
  "worker-pool": inside,
  browser: [...inside, "fetch", "stores"],
  cli: [...inside, "fetch", "control", "observer", "telemetry"],
};

/** Who may import a package; one that is not listed, nobody may. Node's own modules are for demo/ and src/cli/. */
const packages: Record<string, readonly string[]> = {
  hono: ["workers"],
  "cloudflare:workers": ["workers", "demo/worker"],
  "hono/jsx": ["workers", "web"],
  "hono/jsx/dom": ["web"],
  uplot: ["web"],
  "idb-keyval": ["src/stores/indexeddb.ts"],
  wrangler: ["demo"],
};

/** The package as a stranger sees it, and as workers, web and demo have to see it too. */
const published = Object.keys(manifest.exports).map((subpath) => posix.join(manifest.name, subpath));

const importing =
  /^\s*(?:import|export)\s(?:[^;"'`]*?\sfrom\s*)?["']([^"']+)["']|\bimport\s*\(\s*["'`]([^"'`]+)["'`]|\bimport\s*["']([^"']+)["']/gm;
const imports = (source: string) => [...source.matchAll(importing)].map((m) => m[1] ?? m[2] ?? m[3] ?? "");

const roomOf = (path: string) => path.split("/")[1] ?? "";
const isWithin = (path: string, place: string) => path === place || path.startsWith(`${place}/`);
const worldOf = (path: string) => path.split("/")[0] ?? "";

/** Whether `file` may import `specifier`. */
function allowed(file: string, specifier: string): boolean {
  const fromSource = worldOf(file) === "src";
  if (!specifier.startsWith(".")) {
    if (published.includes(specifier)) return !fromSource;
    if (specifier.startsWith("node:")) return worldOf(file) === "demo" || isWithin(file, "src/cli");
    const [key] = Object.keys(packages)
      .filter((name) => isWithin(specifier, name))
      .sort((a, b) => b.length - a.length);
    return key !== undefined && (packages[key] ?? []).some((place) => isWithin(file, place));
  }
  const target = posix.join(posix.dirname(file), specifier);
  if (!fromSource || worldOf(target) !== "src") return worldOf(target) === worldOf(file);
  const [room, other] = [roomOf(file), roomOf(target)];
  return room in arrows && (room === other || (arrows[room] ?? []).includes(other));
}

const files = globSync("{src,workers,web,demo}/**/*.{ts,tsx}", {
  cwd: root,
  exclude: (name) => name.endsWith("node_modules") || name.endsWith(".wrangler"),
});

describe("architecture", () => {
  it("lets every import point one way", () => {
    const wrong = files.flatMap((file) =>
      imports(readFileSync(root + file, "utf8"))
        .filter((specifier) => !allowed(file, specifier))
        .map((specifier) => `${file} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it("knows every room of src", () => {
    expect([...new Set(files.filter((file) => worldOf(file) === "src").map(roomOf))]).toSatisfy(
      (rooms: string[]) => rooms.every((room) => room in arrows),
    );
  });

  it.each([
    ["src/core/policy.ts", "../state/circuit.ts"],
    ["src/core/policy.ts", "../policies/retry.ts"],
    ["src/state/circuit.ts", "../core/clock.ts"],
    ["src/policies/retry.ts", "../fetch/index.ts"],
    ["src/policies/retry.ts", "../index.ts"],
    ["src/testing/index.ts", "../policies/retry.ts"],
    ["src/telemetry/index.ts", "../observer/index.ts"],
    ["src/elsewhere/index.ts", "../core/policy.ts"],
    ["src/fetch/index.ts", "ninelives"],
    ["src/fetch/index.ts", "../../workers/app.ts"],
    ["src/fetch/index.ts", "hono"],
    ["src/fetch/index.ts", "node:http"],
    ["src/fetch/index.ts", "../cli/run.ts"],
    ["src/cli/server.ts", "../stores/memory.ts"],
    ["src/stores/memory.ts", "idb-keyval"],
    ["src/stores/durable-object.ts", "cloudflare:workers"],
    ["workers/app.ts", "../src/index.ts"],
    ["workers/app.ts", "ninelives/core"],
    ["web/main.tsx", "hono"],
    ["web/main.tsx", "../workers/app.ts"],
    ["demo/worker/origin.ts", "hono"],
    ["demo/start.ts", "../src/index.ts"],
    ["demo/pages/main.tsx", "../../web/main.tsx"],
  ])("refuses that %s imports %s", (file, specifier) => {
    expect(allowed(file, specifier)).toBe(false);
  });

  it.each([
    ["src/core/policy.ts", "./context.ts"],
    ["src/policies/retry.ts", "../state/backoff.ts"],
    ["src/index.ts", "./policies/retry.ts"],
    ["src/stores/indexeddb.ts", "idb-keyval"],
    ["workers/app.ts", "hono/cors"],
    ["workers/app.ts", "./routes/events.ts"],
    ["workers/objects/circuit.ts", "cloudflare:workers"],
    ["workers/hono.ts", "ninelives/fetch"],
    ["web/main.tsx", "hono/jsx/dom"],
    ["demo/start.ts", "node:child_process"],
    ["src/cli/main.ts", "node:util"],
    ["src/cli/server.ts", "../fetch/resilient-fetch.ts"],
    ["demo/pages/main.tsx", "ninelives/stores/indexeddb"],
  ])("lets %s import %s", (file, specifier) => {
    expect(allowed(file, specifier)).toBe(true);
  });

  it.each([
    [`import { a } from "./a.ts";`, ["./a.ts"]],
    [`import type { A } from './a.ts';`, ["./a.ts"]],
    [`import {\n  a,\n  type B,\n} from "./a.ts";\nimport c from "./c.ts";`, ["./a.ts", "./c.ts"]],
    [`import "./a.ts";`, ["./a.ts"]],
    [`export * from "./a.ts";\nexport { b } from "./b.ts";`, ["./a.ts", "./b.ts"]],
    [`export type { A } from "./a.ts";`, ["./a.ts"]],
    [`const a = await import("./a.ts");`, ["./a.ts"]],
    [`export type A = import("./a.ts").A;`, ["./a.ts"]],
    [`export const a = 1;\nexport const from = "./no.ts";`, []],
    [` * import { a } from "ninelives";`, []],
  ])("reads the imports of %j", (source, expected) => {
    expect(imports(source)).toEqual(expected);
  });
});
