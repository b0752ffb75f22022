import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));
const binary = join(root, "node_modules/.bin/workerd");

/** The newest compatibility date that the installed workerd knows, which is the day it was made. */
export async function newestDate(): Promise<string> {
  const { stdout } = await promisify(execFile)(binary, ["--version"]);
  return stdout.match(/\d{4}-\d\d-\d\d/)?.[0] ?? "";
}

/** A workerd that runs one Worker. */
export interface Workerd {
  readonly url: string;
  /** What it complained of. */
  readonly complaints: readonly string[];
  stop(): Promise<void>;
}

/** Bundles a Worker with the source behind the public names, and starts it by itself on a port of its own. */
export async function startWorkerd(path: string, compatibilityDate: string): Promise<Workerd> {
  const folder = await mkdtemp(join(tmpdir(), "ninelives-workerd-"));
  await build({
    entryPoints: [join(root, path)],
    outfile: join(folder, "worker.js"),
    bundle: true,
    format: "esm",
    platform: "neutral",
    tsconfig: join(root, "tsconfig.json"),
    logLevel: "silent",
  });
  await writeFile(
    join(folder, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      services = [(name = "main", worker = .worker)],
      sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
    );
    const worker :Workerd.Worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "${compatibilityDate}",
    );`,
  );
  const child: ChildProcess = spawn(binary, ["serve", join(folder, "config.capnp"), "--control-fd=3"], {
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const complaints: string[] = [];
  child.stderr?.on("data", (chunk) => complaints.push(String(chunk)));
  const [line] = await once(child.stdio[3] as Readable, "data");
  const { port } = JSON.parse(String(line)) as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    complaints,
    async stop() {
      const ended = once(child, "exit");
      child.kill();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
