import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import gzipped from "@size-limit/file";
import { type BuildOptions, build } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import sizeLimit from "size-limit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import manifest from "../package.json" with { type: "json" };

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);

type Runtime = "node" | "workerd" | "browser";

/** Where each entry point has to load. */
const entryPoints: Record<string, readonly Runtime[]> = {
  ".": ["node", "workerd", "browser"],
  "./fetch": ["node", "workerd", "browser"],
  "./browser": ["node", "workerd", "browser"],
  "./stores/memory": ["node", "workerd", "browser"],
  "./stores/indexeddb": ["node", "workerd", "browser"],
  "./stores/durable-object": ["node", "workerd", "browser"],
  "./stores/redis": ["node", "workerd", "browser"],
  "./stores/etcd": ["node", "workerd", "browser"],
  "./stores/compare-and-set": ["node", "workerd", "browser"],
  "./stores/follower": ["node", "workerd", "browser"],
  "./telemetry": ["node", "workerd", "browser"],
  "./control": ["node", "workerd", "browser"],
  "./observer": ["node", "workerd", "browser"],
  "./upstreams": ["node", "workerd", "browser"],
  // On workerd it says that there are no workers.
  "./worker-pool": ["node", "workerd", "browser"],
  "./testing": ["node", "workerd", "browser"],
  // A server's middleware; a page has no use for it.
  "./hono": ["node", "workerd"],
  // Durable Object classes extend a class that only workerd has.
  "./workers": ["workerd"],
};

/** Bytes after minifying and gzip -9. The README quotes these limits. */
const sizes = [
  { name: "retry alone", code: `export { retry } from "ninelives"`, limit: 5450 },
  {
    name: "compose and seven policies",
    code: `export { compose, retry, timeout, circuitBreaker, bulkhead, rateLimit, fallback, hedge } from "ninelives"`,
    limit: 13600,
  },
  {
    name: "resilientFetch with its standard policy",
    code: `export { resilientFetch } from "ninelives/fetch"`,
    limit: 14400,
  },
  {
    name: "the same, shared by all tabs, with idb-keyval",
    code: `export { resilientFetch } from "ninelives/browser"`,
    limit: 22700,
  },
];

const exported: Record<string, Record<string, string>> = manifest.exports;
const written = Object.keys(entryPoints);
const writtenFor = (runtime: Runtime) => written.filter((subpath) => entryPoints[subpath]?.includes(runtime));
const named = (subpath: string) => posix.join(manifest.name, subpath);
const inKilobytes = (bytes: number) => `${bytes / 1000} kB`;

/** Bundles what a stranger's build would: from dist, not through the paths of tsconfig.json. */
async function bundle(code: string, options: BuildOptions): Promise<string> {
  const { outputFiles, warnings } = await build({
    stdin: { contents: code, resolveDir: root },
    bundle: true,
    format: "esm",
    write: false,
    tsconfigRaw: "{}",
    logLevel: "silent",
    ...options,
  });
  expect(warnings).toEqual([]);
  return outputFiles?.[0]?.text ?? "";
}

const inWorkerd: BuildOptions = {
  platform: "neutral",
  conditions: ["workerd", "worker", "browser"],
  mainFields: ["module", "main"],
  external: ["cloudflare:*"],
};

const inNode = (code: string) =>
  run(process.execPath, ["--input-type=module", "--eval", code], { cwd: root });

describe("entry points", () => {
  it("are those of package.json", () => {
    expect(Object.keys(exported).sort()).toEqual(Object.keys(entryPoints).sort());
  });

  it.each(Object.keys(exported))("%s has exactly types and default", (subpath) => {
    expect(Object.keys(exported[subpath] ?? {})).toEqual(["types", "default"]);
  });

  it.each(written)("%s is built", (subpath) => {
    for (const path of Object.values(exported[subpath] ?? {}))
      expect(existsSync(root + path), `${path} exists (npm run build)`).toBe(true);
  });

  it.for(writtenFor("node"))("%s imports alone under Node", async (subpath) => {
    await inNode(`await import(${JSON.stringify(named(subpath))})`);
  });

  it.for(writtenFor("workerd"))("%s bundles alone for workerd", async (subpath) => {
    const code = await bundle(`export * from "${named(subpath)}"`, inWorkerd);
    expect(code).not.toBe("");
  });

  it("load and construct at the scope of a module, by the rules of plain workerd (T9)", async () => {
    const subpaths = writtenFor("workerd");
    const all = subpaths.map((subpath, index) => `import * as e${index} from "${named(subpath)}";`);
    const code = await bundle(
      `${all.join("\n")}
      import { circuitBreaker, compose, fallback, keyed, parse, retry, standard, timeout } from "${manifest.name}";
      import { resilientFetch } from "${manifest.name}/fetch";
      import { memoryStore } from "${manifest.name}/stores/memory";
      import { batch, overHttp } from "${manifest.name}/telemetry";
      import { CircuitObject, resilientFetch as shared } from "${manifest.name}/workers";
      export { CircuitObject };
      const served = shared({ fetch: async () => new Response("served") });
      const sink = batch({ deliver: overHttp({ url: "https://collector.test" }), source: "worker" });
      const made = [
        compose(fallback(0), timeout("1s"), retry(), circuitBreaker({ shared: memoryStore() })),
        keyed(() => standard()), parse("standard | answer(0)"), resilientFetch({ environment: { sink } }),
      ];
      export default {
        async test(controller, env) {
          for (const entry of [${subpaths.map((_, index) => `e${index}`)}])
            if (Object.keys(entry).length === 0) throw new Error("an entry point exports nothing");
          if ((await made[0].execute(async () => 5)) !== 5) throw new Error("the policy does not work");
          await served("https://origin.test/");
          const circuit = env.CIRCUITS.getByName("https://origin.test");
          for (let view; view?.state !== "closed"; view = await circuit.view()) await scheduler.wait(10);
        },
      };`,
      inWorkerd,
    );
    const folder = await mkdtemp(join(tmpdir(), "ninelives-workerd-"));
    try {
      await writeFile(join(folder, "worker.js"), code);
      // No flag of Node's, and no code made of texts, not even at the start.
      await writeFile(
        join(folder, "config.capnp"),
        `using Workerd = import "/workerd/workerd.capnp";
        const config :Workerd.Config = (services = [
          (name = "main", worker = .worker),
          (name = "disk", disk = (path = "${folder}", writable = true)),
        ]);
        const worker :Workerd.Worker = (
          modules = [(name = "worker.js", esModule = embed "worker.js")],
          compatibilityDate = "2026-06-01",
          compatibilityFlags = ["disallow_eval_during_startup"],
          bindings = [(name = "CIRCUITS", durableObjectNamespace = "CircuitObject")],
          durableObjectNamespaces = [(className = "CircuitObject", uniqueKey = "circuits", enableSql = true)],
          durableObjectStorage = (localDisk = "disk"),
        );`,
      );
      await run(join(root, "node_modules/.bin/workerd"), ["test", join(folder, "config.capnp")], {
        timeout: 25_000,
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it.for(writtenFor("browser"))("%s bundles alone for browsers", async (subpath) => {
    const code = await bundle(`export * from "${named(subpath)}"`, { platform: "browser" });
    expect(code).not.toBe("");
  });

  it("touch no timer, clock, randomness, network or crypto when imported", async () => {
    const trap = `
      const refuse = (name) => function () { throw new Error(name + " was used at import"); };
      for (const name of ["setTimeout", "setInterval", "setImmediate", "queueMicrotask", "fetch", "AbortController", "BroadcastChannel", "WebSocket"])
        globalThis[name] = refuse(name);
      Object.defineProperty(globalThis, "crypto", { get: refuse("crypto") });
      performance.now = refuse("performance.now");
      Date.now = refuse("Date.now");
      Math.random = refuse("Math.random");`;
    const imports = writtenFor("node").map((subpath) => `await import(${JSON.stringify(named(subpath))});`);
    await inNode([trap, ...imports].join("\n"));
    await expect(inNode(`${trap} setTimeout(() => {});`)).rejects.toThrow("setTimeout was used at import");
  });
});

describe("the command line", () => {
  const bin = join(root, manifest.bin.ninelives);

  it("is built, to be run by Node and by nothing else installed", async () => {
    const code = readFileSync(bin, "utf8");
    expect(code.startsWith("#!/usr/bin/env node\n")).toBe(true);
    const imported = [...code.matchAll(/^import .* from "([^"]+)";$/gm)].map(([, name = ""]) => name);
    expect(imported.filter((name) => !name.startsWith("node:"))).toEqual([]);
    const { stdout } = await run(process.execPath, [bin, "--version"]);
    expect(stdout).toBe(`${manifest.version}\n`);
  });
});

describe("the tarball", () => {
  let folder: string;
  let tarball: Uint8Array<ArrayBuffer>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ninelives-pack-"));
    await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: root });
    const [file = ""] = await readdir(folder);
    tarball = new Uint8Array(await readFile(join(folder, file)));
  }, 60_000);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("satisfies publint", async () => {
    const { messages, pkg } = await publint({ pack: { tarball: tarball.buffer }, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  it("has types that resolve for every ESM consumer", { timeout: 60_000 }, async () => {
    const result = await checkPackage(createPackageFromTarballData(tarball), { entrypoints: [...written] });
    // ESM only, so what `require` under node16 and node10 make of it is not asked.
    const problems = (result.types ? result.problems : []).filter(
      (problem) =>
        !("resolutionKind" in problem && ["node10", "node16-cjs"].includes(problem.resolutionKind)),
    );
    expect(result.types).not.toBe(false);
    expect(problems).toEqual([]);
  });

  it("has no runtime dependency", () => {
    expect(manifest).not.toHaveProperty("dependencies");
  });
});

describe("size", () => {
  it.for(sizes)("$name is $limit bytes at most", async ({ code, limit }) => {
    const folder = await mkdtemp(join(tmpdir(), "ninelives-size-"));
    try {
      const file = join(folder, "bundle.js");
      await writeFile(file, await bundle(code, { minify: true, platform: "browser", target: "es2022" }));
      const checks = [{ files: [file], gzip: true }];
      const [measured] = (await sizeLimit([gzipped], { checks })) as { readonly size: number }[];
      expect(measured?.size).toBeLessThanOrEqual(limit);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it.skipIf(!existsSync(join(root, "README.md"))).for(sizes)(
    "of $name is what the README says",
    ({ limit }) => {
      expect(readFileSync(join(root, "README.md"), "utf8")).toContain(inKilobytes(limit));
    },
  );
});
