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
  /** The least that any gateway does, step by step. */
  readonly floors: number;
  /** What all fetch from, in a workerd of its own. */
  readonly origin: number;
  /** Where nobody listens. */
  readonly nobody: number;
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

/**
 * What a gateway cannot do without, one thing more for each path: headers of its own without those of the connection and
 * the caller's claims; an answer whose headers can be changed, with what was done; a signal and a timer for a timeout.
 */
const floors = (port: number) => `
const dropped = /^(?:connection|keep-alive|te|trailer|transfer-encoding|upgrade|host|forwarded|x-forwarded-.*|cf-.*)$/;
function onward(request) {
  const { pathname, host, protocol } = new URL(request.url);
  const headers = new Headers(request.headers);
  request.headers.forEach((_, name) => {
    if (dropped.test(name)) headers.delete(name);
  });
  headers.set("via", "1.1 floor");
  headers.set("x-forwarded-host", host);
  headers.set("x-forwarded-proto", protocol.slice(0, -1));
  const { method, body } = request;
  return ["http://127.0.0.1:${port}" + pathname, { method, headers, body, redirect: "manual" }];
}
function told(response, began) {
  const answer = new Response(response.body, response);
  for (const name of ["connection", "keep-alive", "trailer", "transfer-encoding", "upgrade"]) answer.headers.delete(name);
  answer.headers.set("x-floor-attempts", "1");
  answer.headers.append("server-timing", "floor;dur=" + (performance.now() - began).toFixed(1));
  return answer;
}
export default {
  async fetch(request) {
    const began = performance.now();
    const [url, init] = onward(request);
    if (url.endsWith("/1")) return fetch(url, init);
    if (url.endsWith("/2")) return told(await fetch(url, init), began);
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), 10_000);
    try {
      return told(await fetch(url, { ...init, signal: controller.signal }), began);
    } finally {
      clearTimeout(timer);
    }
  },
};`;

/** The deployed bundle, a Worker that only fetches, the floors between them, and their origin, in plain workerd. */
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
    writeFileSync(join(folder, "floors.js"), floors(ports.origin));
    writeFileSync(join(folder, "origin.js"), origin);
    const upstream = `http://127.0.0.1:${ports.origin}`;
    const upstreams = {
      origin: { url: upstream },
      bare: { url: upstream, policy: "identity", quiet: true },
      quiet: { url: upstream, quiet: true },
      dead: { url: `${upstream}/dead` },
      gone: { url: `http://127.0.0.1:${ports.nobody}` },
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
          (name = "floors", worker = (${module("floors.js", "floors.js")})),
          (name = "internet", network = (allow = ["public", "private"])),
          (name = "objects", disk = (path = ${JSON.stringify(join(folder, "objects"))}, writable = true)),
        ],
        sockets = [${socket("gateway")} ${socket("plain")} ${socket("floors")}],
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
    try {
      await edge.#serve("origin.capnp", `http://127.0.0.1:${ports.origin}/calls`);
      await edge.#serve("edge.capnp", `http://127.0.0.1:${ports.gateway}/healthz`);
    } catch (error) {
      await edge.stop();
      throw error;
    }
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
