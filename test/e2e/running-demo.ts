import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The demo as a visitor starts it, on a port and with a state of its own. */
export class RunningDemo {
  readonly origin: string;
  /** What opens the control plane. */
  readonly token: string;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, origin: string, token: string) {
    this.#process = process;
    this.origin = origin;
    this.token = token;
  }

  /** Starts it as the README says, by default without its own traffic, and settles when it says that it is up. */
  static async start(port: number, scratch: string, options = ["--no-traffic"]): Promise<RunningDemo> {
    const process = spawn("npm", ["run", "demo", "--", ...options], {
      cwd: root,
      env: { ...globalThis.process.env, PORT: String(port), DEMO_SCRATCH: scratch },
      // A group of its own, so that Ctrl-C reaches npm and what it runs, as in a terminal.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    const up = new Promise<string>((resolve, reject) => {
      for (const stream of [process.stdout, process.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          said += text;
          const token = /#token=(\S+)/.exec(said)?.[1];
          if (token !== undefined && said.includes("Ctrl-C")) resolve(token);
        });
      }
      process.once("exit", (code) => reject(new Error(`the demo ended with ${code} and said:\n${said}`)));
    });
    return new RunningDemo(process, `http://localhost:${port}`, await up);
  }

  /** Ends it as Ctrl-C does. */
  async stop(): Promise<void> {
    const { exitCode, signalCode, pid } = this.#process;
    if (exitCode !== null || signalCode !== null || pid === undefined) return;
    const ended = once(this.#process, "exit");
    globalThis.process.kill(-pid, "SIGINT");
    await ended;
  }
}

/** A port that nobody uses now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "localhost");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
