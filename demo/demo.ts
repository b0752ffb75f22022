import { parseArgs } from "node:util";
import { build } from "./build.ts";
import { Complaint } from "./complaint.ts";
import { ensureFree } from "./free-port.ts";
import type { LocalWorkers } from "./local-workers.ts";
import { secrets } from "./secrets.ts";

/** What everything gets to end by itself. */
const patience = "5s";

const startedAt = performance.now();
const leaving = new AbortController();
let workers: LocalWorkers | undefined;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, leave);
followParent();
// Whatever ends this process, nothing of it stays behind.
process.on("exit", () => workers?.signal("SIGKILL"));

try {
  await run();
} catch (error) {
  if (!leaving.signal.aborted) {
    console.error(error instanceof Complaint ? error.message : error);
    process.exitCode = 1;
  }
}
await leave();

async function run(): Promise<void> {
  const { port, traffic } = options();
  await ensureFree(port);
  build();
  const keys = secrets();
  const origin = `http://localhost:${port}`;
  // From here on the package is needed, which the build has made.
  const { configure } = await import("./configure.ts");
  const { LocalWorkers } = await import("./local-workers.ts");
  const { ready } = await import("./ready.ts");
  if (leaving.signal.aborted) return;
  const running = new LocalWorkers(port, configure(port, keys));
  workers = running;

  const died = running.ended.then(() => {
    if (leaving.signal.aborted) return;
    const line =
      "The Workers have ended by themselves (see .wrangler/demo/workers.log): run `npm run demo` again.";
    throw new Complaint([line, ...running.said].join("\n  "));
  });
  await Promise.race([died, ready(origin, leaving.signal)]);
  if (leaving.signal.aborted) return;
  console.log(welcome(origin, keys.token, traffic));
  if (traffic) {
    const { sendTraffic } = await import("./traffic.ts");
    const { playScenario } = await import("./scenario.ts");
    sendTraffic(origin, leaving.signal);
    void playScenario(origin, leaving.signal);
  }
  await died;
}

function options(): { port: number; traffic: boolean } {
  let noTraffic: boolean | undefined;
  try {
    noTraffic = parseArgs({ options: { "no-traffic": { type: "boolean" } } }).values["no-traffic"];
  } catch (error) {
    throw new Complaint(`${(error as Error).message} (the demo knows --no-traffic)`);
  }
  const port = Number(process.env.PORT ?? 8787);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Complaint(`PORT must be a number from 1 to 65535, but is ${process.env.PORT}.`);
  }
  return { port, traffic: noTraffic !== true && process.env.TRAFFIC !== "off" };
}

function welcome(origin: string, token: string, traffic: boolean): string {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  return `
Nine Lives is up after ${seconds} s.

  dashboard   ${origin}/#token=${token}
  shop        ${origin}/shop/
  gateway     ${origin}/gateway/products, …/prices, …/reviews
  also        ${origin}/docs, /metrics, /v1/state

${
  traffic
    ? "Some customers and a play (well, slow, failing, recovering) keep it busy; break things yourself in the shop."
    : "No traffic but yours: break things in the shop."
}
Ctrl-C ends everything.
`;
}

/** Ends with npm, which when it is ended tells only its shell. */
function followParent(): void {
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event === undefined) return;
  setInterval(() => process.ppid !== parent && leave(), 500).unref();
}

/** Ends everything, and then this process. */
async function leave(): Promise<void> {
  if (leaving.signal.aborted) return;
  leaving.abort();
  if (workers !== undefined) {
    const { ended } = workers;
    workers.signal("SIGTERM");
    const { timeout } = await import("ninelives");
    await timeout(patience)
      .execute(() => ended)
      .catch(() => {});
  }
  process.exit();
}
