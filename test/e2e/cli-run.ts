import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("../../dist/src/cli/ninelives.js", import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The command line as a shell starts it. */
export class CliRun {
  out = "";
  err = "";
  readonly ended: Promise<Ran>;
  readonly #process;

  constructor(args: readonly string[], env: Readonly<Record<string, string>>, input = "") {
    const started = spawn(process.execPath, [bin, ...args], {
      env: { PATH: process.env.PATH ?? "", ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#process = started;
    started.stdin.end(input);
    started.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.out += text;
    });
    started.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.err += text;
    });
    this.ended = new Promise((resolve) => {
      started.once("close", (code) => resolve({ code, out: this.out, err: this.err }));
    });
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }
}
