import { existsSync, globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { playwright } from "@vitest/browser-playwright";
import { transform } from "esbuild";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { chromium, chromiumArguments } from "./test/chromium.ts";
import { type Mutant, mutated } from "./test/mutation/mutants.ts";

const root = fileURLToPath(new URL(".", import.meta.url));

/** One suite, every runtime: these run in Node, in workerd and in Chromium. */
const portable = [
  "core",
  "state",
  "policies",
  "expression",
  "fetch",
  "stores",
  "laws",
  "testing",
  "telemetry",
  "control",
  "observer",
  "upstreams",
  "issues",
];

/** Folders that may still be missing; strike one out when its first test is written. */
const later: readonly string[] = [];

/** The tests of a folder; a folder that holds none is an error, so that no suite vanishes unseen. */
function tests(folder: string): string {
  const pattern = `test/${folder}/**/*.test.ts`;
  if (
    existsSync(`${root}test/${folder}`)
      ? globSync(pattern, { cwd: root }).length === 0
      : !later.includes(folder)
  )
    throw new Error(`test/${folder} holds no tests`);
  return pattern;
}

/** `ninelives/...` is the source, as `paths` in tsconfig.json says. */
const { paths } = JSON.parse(readFileSync(`${root}tsconfig.json`, "utf8")).compilerOptions;
const alias = Object.entries<string[]>(paths).map(([name, [path = ""]]) => ({
  find: new RegExp(`^${name.replace("*", "(.+)")}$`),
  replacement: root + path.replace("./", "").replace("*", "$1"),
}));

/** Lowers the decorators of tests: Vitest leaves them as they are, and no runtime knows them yet. */
const decorators = {
  name: "decorators",
  enforce: "pre" as const,
  transform(code: string, id: string) {
    const [sourcefile = ""] = id.split("?");
    if (!/\/test\/.*\.test\.ts$/.test(sourcefile) || !/^\s*@\w+\(/m.test(code)) return undefined;
    return transform(code, { sourcefile, loader: "ts", target: "es2022", sourcemap: true });
  },
};

/** The one change of the source that `npm run mutation` tries, if it does. */
const mutant: Mutant | undefined = process.env.MUTANT && JSON.parse(process.env.MUTANT);

const mutation = {
  name: "mutation",
  enforce: "pre" as const,
  transform: (code: string, id: string) =>
    mutant && id.startsWith(root + mutant.file) ? mutated(code, mutant) : undefined,
};

/** Cases of each property of the laws: 1,000, or as many as `CASES` says (`npm run laws` tries 10,000); elsewhere than in Node a tenth. */
const cases = Number(process.env.CASES ?? 1_000);

const project = (
  name: string,
  include: string[],
  { plugins = [], ...test }: ViteUserConfig["test"] & Pick<ViteUserConfig, "plugins"> = {},
) => ({
  plugins: [mutation, decorators, ...plugins],
  resolve: { alias },
  test: {
    name,
    include,
    provide: { cases: name === "node" ? cases : Math.ceil(cases / 10) },
    // Enough for properties on two cores that others use, too.
    testTimeout: 30_000,
    ...test,
  },
});

const withChromium = () =>
  playwright({ launchOptions: { args: [...chromiumArguments], executablePath: chromium() } });

/** Looks for Chromium only in a run that opens it: Vitest evaluates the options of every project in every run. */
const ourChromium: ReturnType<typeof playwright> = {
  ...playwright(),
  prewarm: (context) => withChromium().prewarm?.(context),
  providerFactory: (project) => withChromium().providerFactory(project),
};

/** The product as wrangler.toml has it, and an origin to send requests to; asked only in a run that starts it. */
function ourWorker() {
  if (!existsSync(`${root}dist/web`)) throw new Error("dist/web is missing: npm run build makes it");
  const origin = readFileSync(`${root}test/workers/origin.js`, "utf8");
  return {
    wrangler: { configPath: "./wrangler.toml" },
    miniflare: {
      bindings: {
        UPSTREAMS: JSON.stringify({ origin: { service: "ORIGIN" } }),
        PUBLIC_READS: "true",
      },
      serviceBindings: { ORIGIN: "origin" },
      workers: [
        {
          name: "origin",
          compatibilityDate: "2026-11-01",
          modules: [{ type: "ESModule" as const, path: "origin.js", contents: origin }],
        },
      ],
    },
  };
}

const everywhere = portable.map(tests);

export default defineConfig({
  test: {
    passWithNoTests: true,
    // A mutant must not be kept for later runs.
    fsModuleCache: mutant === undefined,
    globalSetup: "./test/fetch-server/setup.ts",
    reporters: process.env.CI
      ? ["default", ["json", { outputFile: `.reports/${process.pid}.json` }]]
      : ["default"],
    coverage: {
      provider: "v8",
      include: ["src/core/**", "src/state/**", "src/policies/**"],
      reporter: ["text-summary", "html"],
      thresholds: { branches: 100 },
    },
    projects: [
      project("node", ["test/*.test.ts", ...everywhere, tests("node"), tests("simulation")], {
        // A quarter of the time; the suites keep nothing between files.
        isolate: false,
      }),
      project("workers", [...everywhere, tests("workers")], {
        plugins: [cloudflareTest(ourWorker)],
        // A workerd for each file costs most of the time; the suites keep nothing between files.
        isolate: false,
      }),
      project("chromium", [...everywhere, tests("browser")], {
        // Half of the time; the suites keep nothing between files.
        isolate: false,
        browser: {
          enabled: true,
          headless: true,
          screenshotFailures: false,
          instances: [{ browser: "chromium" }],
          provider: ourChromium,
        },
      }),
      project("e2e", [tests("e2e")], {
        testTimeout: 60_000,
        hookTimeout: 60_000,
        // They wait for servers and browsers more than they work.
        maxWorkers: 2,
        sequence: { groupOrder: 1 },
      }),
      project("interop", [tests("interop")], {
        testTimeout: 60_000,
        hookTimeout: 60_000,
        fileParallelism: false,
      }),
    ],
  },
});
