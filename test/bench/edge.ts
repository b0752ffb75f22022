import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface EdgePorts {
  /** Our Worker, as it is deployed. */
  readonly gateway: number;
  /** A Worker that only fetches from the origin. */
  readonly plain: number;
  /** What both fetch from, in a workerd of its own. */
  readonly origin: number;
}

const origin = `
let dead = 0;
export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/calls") return Response.json(dead);
    if (!pathname.startsWith("/dead")) return new Response("fine");
    dead++;
    return new Response("dead", { status: 500 });
  },
};`;

const plain = (port: number) => `
export default {
  fetch: (request) => fetch("http://127.0.0.1:${port}" + new URL(request.url).pathname, request),
};`;

/** The deployed bundle, a Worker that only fetches, and their origin, in plain workerd. */
export class Edge {
  readonly #folder: string;
  readonly #processes: ChildProcess[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(ports: EdgePorts): Promise<Edge> {
    const folder = mkdtempSync(join(tmpdir(), "ninelives-edge-"));
    const edge = new Edge(folder);
    execFileSync(join(root, "node_modules/.bin/wrangler"), ["deploy", "--dry-run", "--outdir", folder], {
      cwd: root,
      stdio: "ignore",
    });
    mkdirSync(join(folder, "objects"));
    writeFileSync(join(folder, "plain.js"), plain(ports.origin));
    writeFileSync(join(folder, "origin.js"), origin);
    const upstream = `http://127.0.0.1:${ports.origin}`;
    const upstreams = {
      origin: { url: upstream },
      bare: { url: upstream, policy: "identity", quiet: true },
      dead: { url: `${upstream}/dead` },
    };
    const objects = [
      "CIRCUITS:CircuitObject",
      "OBSERVER:ObserverObject",
      "OBSERVER_PARENT:ObserverParent",
      "REGISTRY:RegistryObject",
      "CONTROL:ControlObject",
    ].map((each) => each.split(":") as [string, string]);
    const text = (name: string, value: string) => `(name = "${name}", text = ${JSON.stringify(value)}),`;
    const socket = (name: keyof EdgePorts) =>
      `(name = "${name}", address = "127.0.0.1:${ports[name]}", http = (), service = "${name}"),`;
    const module = (name: string, file: string) =>
      `modules = [(name = "${name}", esModule = embed "${file}")], compatibilityDate = "2026-06-01",`;
    const head = 'using Workerd = import "/workerd/workerd.capnp";';
    writeFileSync(
      join(folder, "edge.capnp"),
      `${head}
      const config :Workerd.Config = (
        services = [
          (name = "gateway", worker = .gateway),
          (name = "plain", worker = (${module("plain.js", "plain.js")})),
          (name = "internet", network = (allow = ["public", "private"])),
          (name = "objects", disk = (path = ${JSON.stringify(join(folder, "objects"))}, writable = true)),
        ],
        sockets = [${socket("gateway")} ${socket("plain")}],
      );
      const gateway :Workerd.Worker = (
        ${module("index.js", "index.js")}
        bindings = [
          ${text("UPSTREAMS", JSON.stringify(upstreams))} ${text("PUBLIC_READS", "false")}
          ${objects.map(([binding, name]) => `(name = "${binding}", durableObjectNamespace = "${name}"),`).join(" ")}
        ],
        durableObjectNamespaces = [
          ${objects.map(([, name]) => `(className = "${name}", uniqueKey = "${name}", enableSql = true),`).join(" ")}
        ],
        durableObjectStorage = (localDisk = "objects"),
      );`,
    );
    writeFileSync(
      join(folder, "origin.capnp"),
      `${head}
      const config :Workerd.Config = (
        services = [(name = "origin", worker = (${module("origin.js", "origin.js")}))],
        sockets = [${socket("origin")}],
      );`,
    );
    await edge.#serve("origin.capnp", `http://127.0.0.1:${ports.origin}/calls`);
    await edge.#serve("edge.capnp", `http://127.0.0.1:${ports.gateway}/healthz`);
    return edge;
  }

  /**
   * Milliseconds that the processor has worked for the two Workers, their objects and their system calls, so far: what load
   * beside the measurement does not change. Undefined where there is no /proc.
   */
  worked(): number | undefined {
    const { pid } = this.#processes.at(-1) as ChildProcess;
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      // utime and stime, in the hundredths of a second that Linux counts in.
      return (Number(fields[11]) + Number(fields[12])) * 10;
    } catch {
      return undefined;
    }
  }

  async stop(): Promise<void> {
    for (const process of this.#processes) {
      if (process.exitCode !== null) continue;
      const ended = once(process, "exit");
      process.kill("SIGKILL");
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #serve(config: string, ready: string): Promise<void> {
    const workerd = join(root, "node_modules/.bin/workerd");
    const started = spawn(workerd, ["serve", join(this.#folder, config)], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#processes.push(started);
    let said = "";
    started.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-4_000);
    });
    for (;;) {
      if (started.exitCode !== null) throw new Error(`workerd ended with ${started.exitCode}:\n${said}`);
      if ((await fetch(ready).catch(() => undefined))?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
