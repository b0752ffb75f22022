import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A real server of somebody else's, with a folder of its own, which ends with the tests. */
export class Server {
  readonly folder: string;
  readonly #command: string;
  #process: ChildProcess | undefined;

  constructor(command: string) {
    this.#command = command;
    this.folder = mkdtempSync(join(tmpdir(), `ninelives-${command}-`));
  }

  /** Starts it, and settles when it has said that it is `ready`. */
  async start(args: readonly string[], ready: RegExp): Promise<void> {
    const started = spawn(this.#command, args, { cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] });
    this.#process = started;
    let said = "";
    await new Promise<void>((resolve, reject) => {
      for (const stream of [started.stdout, started.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          said += text;
          if (ready.test(said)) resolve();
        });
      }
      started.once("error", reject);
      started.once("exit", (code) => reject(new Error(`${this.#command} ended with ${code}:\n${said}`)));
    });
  }

  /** Ends it, without a word when `signal` is SIGKILL. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const ending = this.#process;
    this.#process = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = once(ending, "exit");
    ending.kill(signal);
    await ended;
  }

  /** Ends it and forgets what it kept. */
  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
