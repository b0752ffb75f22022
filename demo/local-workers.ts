import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { fileURLToPath } from "node:url";
import { root, scratch } from "./places.ts";

/** Lines of wrangler's that are kept, to be shown if it ends unasked. */
const longest = 20;

/** The product's Worker and the origin, in a workerd of their own. */
export class LocalWorkers {
  /** What wrangler said last. All that it and the Workers say is in `.wrangler/demo/workers.log`. */
  readonly said: string[] = [];
  readonly #process: ChildProcess;
  /** Settles when all of it has ended. */
  readonly ended: Promise<void>;

  constructor(port: number, config: string) {
    const bin = fileURLToPath(new URL("../bin/wrangler.js", import.meta.resolve("wrangler")));
    const options = ["--port", String(port), "--ip", "localhost", "--inspector-port", "0"];
    const quiet = ["--log-level", "warn", "--show-interactive-dev-session=false"];
    this.#process = spawn(
      process.execPath,
      [
        bin,
        "dev",
        "-c",
        config,
        "-c",
        `${root}demo/wrangler.toml`,
        "--persist-to",
        `${scratch}/state`,
        ...options,
        ...quiet,
      ],
      {
        cwd: root,
        // A group of its own: a Ctrl-C reaches only us, and we end all of it, workerd included.
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
        env: {
          ...process.env,
          WRANGLER_SEND_METRICS: "false",
          WRANGLER_HIDE_BANNER: "true",
          // Nothing here needs the network.
          CLOUDFLARE_CF_FETCH_ENABLED: "false",
        },
      },
    );
    const log = createWriteStream(`${scratch}/workers.log`);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => this.#hear(text));
      stream?.pipe(log, { end: false });
    }
    this.ended = once(this.#process, "exit").then(() => {});
  }

  /** Asks all of it to end, or makes it. */
  signal(signal: "SIGTERM" | "SIGKILL"): void {
    try {
      if (this.#process.pid !== undefined) process.kill(-this.#process.pid, signal);
    } catch {
      // It has ended already.
    }
  }

  #hear(text: string): void {
    this.said.push(...text.split("\n").filter((line) => line.trim() !== ""));
    this.said.splice(0, this.said.length - longest);
  }
}
