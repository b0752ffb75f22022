import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";

/** What a headless Chromium needs here: no sandbox for root, and none of its own traffic. */
export const chromiumArguments: readonly string[] = [
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

let found: string | undefined;

/**
 * The path of a Chromium: `CHROME_PATH`, else Playwright's own, else the system's, else a newly installed one.
 *
 * Throws when there is none and none can be installed, so that browser tests never pass by not running.
 */
export function chromium(): string {
  found ??= fromEnvironment() ?? installed() ?? install();
  return found;
}

function fromEnvironment(): string | undefined {
  const path = process.env.CHROME_PATH;
  if (!path) return undefined;
  if (isExecutable(path)) return path;
  throw new Error(`CHROME_PATH is ${path}, which is no executable file`);
}

const installed = (): string | undefined => playwrights() ?? systems();

function playwrights(): string | undefined {
  // Loaded only when asked: Playwright takes 200 ms to load, and most runs of vitest open no browser.
  const playwright: typeof import("playwright") = createRequire(import.meta.url)("playwright");
  const path = playwright.chromium.executablePath();
  return path && existsSync(path) ? path : undefined;
}

function systems(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  return ["chromium", "chromium-browser", "google-chrome"]
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function install(): string {
  const root = process.getuid?.() === 0;
  const attempts: (readonly string[])[] = [
    ["npx", "playwright", "install", "chromium", ...(root ? ["--with-deps"] : [])],
  ];
  if (root && existsSync("/etc/debian_version"))
    attempts.push(["sh", "-c", "apt-get update && apt-get install -y --no-install-recommends chromium"]);

  const log: string[] = [];
  for (const [command = "", ...rest] of attempts) {
    process.stderr.write(`no Chromium found: running ${[command, ...rest].join(" ")}\n`);
    const { status, error, stdout, stderr } = spawnSync(command, rest, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 300_000,
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    const path = status === 0 ? installed() : undefined;
    if (path) return path;
    const last = (error?.message ?? `${stdout}\n${stderr}`).trim().split("\n").slice(-3).join("\n    ");
    log.push(`  ${[command, ...rest].join(" ")} (exit ${status}):\n    ${last}`);
  }
  throw new Error(
    [
      "the browser tests need a Chromium, and none was found or could be installed:",
      ...log,
      "install one (Debian: apt-get install chromium; elsewhere: npx playwright install chromium --with-deps)",
      "or set CHROME_PATH to the executable of a Chromium or Chrome.",
    ].join("\n"),
  );
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) console.log(chromium());
