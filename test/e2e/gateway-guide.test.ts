import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { freePort } from "./running-demo.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "ninelives-gateway-"));
const guide = readFileSync(`${root}docs/guides/gateway.md`, "utf8");
const steps = guide.slice(0, guide.indexOf("## What an upstream may say"));

/** Commands that a reader runs, one terminal after the other. */
const commands = [...steps.matchAll(/^```sh\n(.*?)^```/gms)].map(([, lines = ""]) => lines);
const block = (language: string): string =>
  new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "ms").exec(steps)?.[1] ??
  expect.fail(`the steps have no ${language}`);

/** Whom the gateway asked, and for what. */
const asked: string[] = [];
const api = createServer(({ url = "" }, response) => {
  asked.push(url);
  response.end("fine");
});
let gateway: string;
let terminal: ChildProcess | undefined;
let said = "";

/**
 * What stands in for the world outside; all else that the guide says is run as it stands. What npm would fetch is linked,
 * nobody logs in, and nothing is sent to Cloudflare: what would be was built a moment before. The second terminal is this
 * one, which goes on while wrangler runs, and `read` types what the first one showed.
 */
const stage = `
  set -euo pipefail
  npm() {
    case "$*" in
      ci) ln -s "$ROOT/node_modules" . ;;
      "run deploy") command npx wrangler deploy --dry-run ;;
      *) command npm "$@" ;;
    esac
  }
  npx() {
    case "$*" in
      "wrangler login") ;;
      "wrangler secret put TOKENS") cat > secret ;;
      "wrangler dev")
        command npx wrangler dev --port "$PORT" --ip 127.0.0.1 --inspector-port 0 > dev.log 2>&1 < /dev/null &
        until curl --silent --fail "$NINELIVES_URL/healthz"; do kill -0 $! || { cat dev.log; exit 1; }; sleep 0.1; done
        ;;
      *) command npx "$@" ;;
    esac
  }
  read() { NINELIVES_TOKEN=$TOKEN; }
`;

beforeAll(async () => {
  for (const name of readdirSync(root))
    if (!/^(?:\..*|node_modules|dist|coverage|test)$/.test(name))
      cpSync(join(root, name), join(folder, name), { recursive: true });
  api.listen(0, "127.0.0.1");
  await once(api, "listening");
  const local = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  const config = readFileSync(join(folder, "wrangler.toml"), "utf8");
  const line = 'UPSTREAMS = "{}"\n';
  expect(config.split(line)).toHaveLength(2);
  const upstreams = block("toml").replaceAll(/https:\/\/(\w+)\.api\.example\.com/g, `${local}/$1`);
  writeFileSync(
    join(folder, "wrangler.toml"),
    config.replace(line, () => upstreams),
  );

  const port = await freePort();
  gateway = `http://127.0.0.1:${port}`;
  const script = commands.join("").replaceAll(/https:\/\/ninelives\.example\.workers\.dev/g, gateway);
  terminal = spawn("bash", ["-c", stage + script], {
    cwd: folder,
    env: {
      PATH: process.env.PATH ?? "",
      HOME: folder,
      ROOT: root,
      PORT: String(port),
      NINELIVES_URL: gateway,
      WRANGLER_SEND_METRICS: "false",
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
    },
    // A group of its own: wrangler goes on in it when the script is through.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [terminal.stdout, terminal.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  const [code] = (await once(terminal, "close")) as [number | null];
  expect(code, said).toBe(0);
}, 120_000);

afterAll(() => {
  try {
    if (terminal?.pid !== undefined) process.kill(-terminal.pid, "SIGKILL");
  } catch {
    // All of it has ended already.
  }
  api.closeAllConnections();
  api.close();
  // What was killed may still be writing.
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

const eventually = <T>(fact: () => T | Promise<T>) => expect.poll(fact, { timeout: 30_000 });

it("the five steps of the guide lead to a gateway that runs, and would be deployed", async () => {
  const token = /^your token: (\w{64})$/m.exec(said)?.[1] ?? expect.fail(said);
  const secret = readFileSync(join(folder, "secret"), "utf8").trim();
  const sha256 = createHash("sha256").update(token).digest("hex");
  expect(JSON.parse(secret)).toEqual([{ name: "me", sha256, scopes: ["*"] }]);
  expect(readFileSync(join(folder, ".dev.vars"), "utf8")).toBe(`TOKENS='${secret}'\n`);

  // The doctor was called in either terminal, and bash would have ended at another exit status than 0.
  expect(said.match(/^✓ token +me, with \*$/gm)).toHaveLength(2);
  expect(said.match(/^all is well$/gm)).toHaveLength(2);
  expect(said.trimEnd()).toMatch(/\nall is well$/);

  for (const binding of [
    "CIRCUITS (CircuitObject)",
    "OBSERVER (ObserverObject)",
    "OBSERVER_PARENT (ObserverParent)",
    "CONTROL (ControlObject)",
    "REGISTRY (RegistryObject)",
  ]) {
    expect(said).toContain(`env.${binding}`);
  }
  expect(said).toContain("--dry-run: exiting now");
  expect(manifest.scripts.deploy).toBe("npm run build && wrangler deploy");
  expect(readFileSync(`${root}wrangler.toml`, "utf8")).not.toMatch(/demo|shop\b|origin"|knobs/i);
});

it("the request of the guide is answered with the headers that it shows", async () => {
  const call = block("ts");
  const path = new URL(/fetch\("(.+?)"\)/.exec(call)?.[1] ?? expect.fail(call)).pathname;
  const shown = [...call.matchAll(/^response\.headers\.get\("(.+?)"\); \/\/ (.*)$/gm)];
  expect(shown).toHaveLength(3);
  // Durations are what they are.
  const form = (text: string | null | undefined) => text?.replaceAll(/dur=\d+(?:\.\d+)?/g, "dur=…");
  // One in a hundred goes to the canary.
  await eventually(async () => {
    const { headers } = await fetch(gateway + path);
    return shown.map(([, name = ""]) => form(headers.get(name)));
  }).toEqual(shown.map(([, , value]) => form(value)));
  expect(asked).toContain("/eu/v2/today");
  const checks = ["eu", "canary", "us"].map((member) => `/${member}/v2/healthz`);
  await eventually(() => asked).toEqual(expect.arrayContaining(checks));
  for (const [at, title] of [
    ["/", "Nine Lives"],
    ["/docs", "Nine Lives"],
  ] as const) {
    const page = await fetch(gateway + at);
    expect([at, page.status, (await page.text()).includes(title)]).toEqual([at, 200, true]);
  }
});
