import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface BareWorkerdOptions {
  /** The Worker's module, from the root of the repository. */
  readonly entry: string;
  readonly port: number;
  /** Texts that the Worker finds in its environment. */
  readonly vars: Readonly<Record<string, string>>;
  /** The port of the server that the binding `ORIGIN` leads to; a Worker that says "fine" without it. */
  readonly external?: number;
  /** The port of V8's inspector; with it the Durable Objects get an isolate apart from the Worker's, as at the edge. */
  readonly inspector?: number;
  /** Whether the Worker may call this machine's own addresses, which workerd denies. */
  readonly reachesThisMachine?: boolean;
}

/** The isolates that the inspector knows. */
export type Isolate = "main" | "objects";

/**
 * Our Worker and an origin in plain workerd, without wrangler's proxy in between, and with Durable Objects on disk.
 */
export class BareWorkerd {
  readonly origin: string;
  readonly #folder: string;
  readonly #inspector: number | undefined;
  #process: ChildProcess | undefined;

  private constructor({ port, inspector }: BareWorkerdOptions, folder: string) {
    this.origin = `http://127.0.0.1:${port}`;
    this.#folder = folder;
    this.#inspector = inspector;
  }

  static async start(options: BareWorkerdOptions): Promise<BareWorkerd> {
    const { entry, port, vars, inspector, external, reachesThisMachine = false } = options;
    const folder = mkdtempSync(join(tmpdir(), "ninelives-workerd-"));
    mkdirSync(join(folder, "objects"));
    await build({
      entryPoints: [join(root, entry)],
      outfile: join(folder, "worker.js"),
      bundle: true,
      format: "esm",
      conditions: ["workerd", "worker", "browser"],
      external: ["cloudflare:*", "node:*"],
      jsx: "automatic",
      jsxImportSource: "hono/jsx",
      tsconfig: join(root, "tsconfig.json"),
      logLevel: "silent",
    });
    const texts = Object.entries(vars).map(
      ([name, text]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(text)}),`,
    );
    const objects = Object.entries({
      CIRCUITS: "CircuitObject",
      OBSERVER: "ObserverObject",
      OBSERVER_PARENT: "ObserverParent",
      REGISTRY: "RegistryObject",
      CONTROL: "ControlObject",
    });
    const home = inspector === undefined ? "main" : "objects";
    const bindings = `
          ${texts.join("\n")}
          (name = "ORIGIN", service = "origin"),
          ${objects
            .map(
              ([binding, name]) =>
                `(name = "${binding}", durableObjectNamespace = (className = "${name}", serviceName = "${home}")),`,
            )
            .join("\n")}`;
    const namespaces = `
        durableObjectNamespaces = [
          ${objects.map(([, name]) => `(className = "${name}", uniqueKey = "${name}", enableSql = true),`).join("\n")}
        ],
        durableObjectStorage = (localDisk = "disk"),`;
    const worker = (more: string): string => `(
        modules = [(name = "worker.js", esModule = embed "worker.js")],
        compatibilityDate = "2026-06-01",
        bindings = [${bindings}
        ],${more}
      )`;
    writeFileSync(
      join(folder, "config.capnp"),
      `using Workerd = import "/workerd/workerd.capnp";
      const config :Workerd.Config = (
        ${inspector === undefined ? "" : 'v8Flags = ["--expose-gc"],'}
        services = [
          (name = "main", worker = .main),
          ${
            external === undefined
              ? '(name = "origin", worker = .origin),'
              : `(name = "origin", external = (address = "127.0.0.1:${external}", http = ())),`
          }
          ${home === "main" ? "" : '(name = "objects", worker = .objects),'}
          ${reachesThisMachine ? '(name = "internet", network = (allow = ["public", "private"])),' : ""}
          (name = "disk", disk = (path = ${JSON.stringify(join(folder, "objects"))}, writable = true)),
        ],
        sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
      );
      const main :Workerd.Worker = ${worker(home === "main" ? namespaces : "")};
      const objects :Workerd.Worker = ${worker(namespaces)};
      const origin :Workerd.Worker = (
        serviceWorkerScript = "addEventListener('fetch', (event) => event.respondWith(new Response('fine')))",
        compatibilityDate = "2026-06-01",
      );`,
    );
    const workerd = new BareWorkerd(options, folder);
    await workerd.resume();
    return workerd;
  }

  /** Starts it again after `kill`, with what its objects stored. */
  async resume(): Promise<void> {
    const started = spawn(
      join(root, "node_modules/.bin/workerd"),
      [
        "serve",
        join(this.#folder, "config.capnp"),
        ...(this.#inspector === undefined ? [] : [`--inspector-addr=127.0.0.1:${this.#inspector}`]),
      ],
      {
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    this.#process = started;
    let said = "";
    for (const stream of [started.stdout, started.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
    for (;;) {
      if (started.exitCode !== null) throw new Error(`workerd ended with ${started.exitCode}:\n${said}`);
      const answer = await fetch(`${this.origin}/healthz`).catch(() => undefined);
      if (answer?.ok) return;
      if (answer !== undefined) throw new Error(`/healthz answered ${answer.status}:\n${said}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** The process, where it runs. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Ends it without a word, as a host that fails. */
  async kill(): Promise<void> {
    const ending = this.#process;
    this.#process = undefined;
    if (ending === undefined || ending.exitCode !== null) return;
    const ended = once(ending, "exit");
    ending.kill("SIGKILL");
    await ended;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
