import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort } from "./running-demo.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

/** How often the API was called, which is down. */
let calls = 0;
const api = createServer((_, response) => {
  calls++;
  response.writeHead(500).end("down");
});
const ports = { checkout: 0, invoices: 0 };
let folder: string;
let workerd: ChildProcess | undefined;

/** The block of the guide that begins with the name of a file. */
function block(guide: string, file: string): string {
  const found = new RegExp(`\`\`\`ts\n(// ${file}\n.*?)\`\`\``, "s").exec(guide)?.[1];
  return found ?? expect.fail(`the guide has no ${file}`);
}

/** The four files of the guide, as its reader has them: with the import in the place of what stands for it there. */
async function written(): Promise<void> {
  const guide = await readFile(`${root}docs/guides/two-workers.md`, "utf8");
  const checkout = block(guide, "checkout.ts");
  const [page, yours] = /^\/\/ For this page alone; yours says: (import .*)\n.*$/ms.exec(checkout) ?? [];
  const owner = `${yours?.split("\n")[0]}\n${checkout.replace(page ?? "", "")}`;
  const follower = owner.replace(/^(?:im|ex)port \{ CircuitObject \}.*\n/gm, "");
  expect([owner, follower].map((text) => text.includes("CircuitObject"))).toEqual([true, false]);
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "two-workers", type: "module" }));
  await writeFile(join(folder, "shared.ts"), block(guide, "shared.ts"));
  await writeFile(join(folder, "checkout.ts"), owner);
  await writeFile(join(folder, "invoices.ts"), follower);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ninelives-guide-"));
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: root });
  const installed = join(folder, "node_modules/ninelives");
  await mkdir(installed, { recursive: true });
  await run("tar", ["-xzf", join(folder, "ninelives-0.1.0.tgz"), "-C", installed, "--strip-components=1"]);
  await written();
  for (const name of ["checkout", "invoices"]) {
    await build({
      entryPoints: [join(folder, `${name}.ts`)],
      outfile: join(folder, `${name}.js`),
      bundle: true,
      format: "esm",
      conditions: ["workerd", "worker", "browser"],
      external: ["cloudflare:*", "node:*"],
      logLevel: "silent",
    });
  }
  api.listen(0, "127.0.0.1");
  await once(api, "listening");
  ports.checkout = await freePort();
  ports.invoices = await freePort();
  await mkdir(join(folder, "objects"));
  const worker = (name: string, object: string, more: string) =>
    `(name = "${name}", worker = (
      modules = [(name = "${name}.js", esModule = embed "${name}.js")],
      compatibilityDate = "2026-06-01",
      bindings = [(name = "CIRCUITS", durableObjectNamespace = ${object})],${more}
    )),`;
  await writeFile(
    join(folder, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      services = [
        ${worker(
          "checkout",
          '"CircuitObject"',
          `durableObjectNamespaces = [(className = "CircuitObject", uniqueKey = "CircuitObject", enableSql = true)],
           durableObjectStorage = (localDisk = "disk"),`,
        )}
        ${worker("invoices", '(className = "CircuitObject", serviceName = "checkout")', "")}
        (name = "internet", external = (address = "127.0.0.1:${(api.address() as AddressInfo).port}", http = ())),
        (name = "disk", disk = (path = ${JSON.stringify(join(folder, "objects"))}, writable = true)),
      ],
      sockets = [
        (name = "checkout", address = "127.0.0.1:${ports.checkout}", http = (), service = "checkout"),
        (name = "invoices", address = "127.0.0.1:${ports.invoices}", http = (), service = "invoices"),
      ],
    );`,
  );
  workerd = spawn(join(root, "node_modules/.bin/workerd"), ["serve", join(folder, "config.capnp")], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}, 60_000);

afterAll(async () => {
  if (workerd !== undefined && workerd.exitCode === null) {
    const ended = once(workerd, "exit");
    workerd.kill("SIGKILL");
    await ended;
  }
  api.close();
  await rm(folder, { recursive: true, force: true });
});

const ask = (name: keyof typeof ports) => fetch(`http://127.0.0.1:${ports[name]}`);

it("two Workers share a circuit by the guide alone, with the packed package", {
  timeout: 60_000,
}, async () => {
  await expect.poll(() => ask("checkout").then(({ status }) => status), { timeout: 30_000 }).toBe(500);
  await ask("checkout");
  // What opened it was five failures in a row.
  expect(calls).toBe(5);
  const refused = await ask("checkout");
  expect([refused.status, calls]).toEqual([503, 5]);
  // It hears of it with its first request, before it has seen five failures of its own.
  await expect
    .poll(async () => {
      const response = await ask("invoices");
      return [response.status, ((await response.json().catch(() => ({}))) as { type?: string }).type];
    })
    .toEqual([503, "urn:ninelives:problem:circuit-open"]);
  const heard = calls;
  expect(heard).toBeLessThan(10);
  for (const name of ["invoices", "checkout"] as const) expect((await ask(name)).status).toBe(503);
  expect(calls).toBe(heard);
});
