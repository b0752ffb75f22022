import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const wrangler = fileURLToPath(new URL("../bin/wrangler.js", import.meta.resolve("wrangler")));

it("wrangler would deploy the product, with its objects and without anything of the demo", async () => {
  const outdir = await mkdtemp(join(tmpdir(), "ninelives-deploy-"));
  const env = { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true" };
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [wrangler, "deploy", "--dry-run", "--outdir", outdir], {
    cwd: root,
    env,
  });
  await rm(outdir, { recursive: true, force: true });
  for (const binding of [
    "CIRCUITS (CircuitObject)",
    "OBSERVER (ObserverObject)",
    "OBSERVER_PARENT (ObserverParent)",
    "CONTROL (ControlObject)",
    "REGISTRY (RegistryObject)",
  ]) {
    expect(stdout).toContain(`env.${binding}`);
  }
  expect(stdout).toContain("--dry-run: exiting now");
  const config = await readFile(`${root}wrangler.toml`, "utf8");
  expect(config).not.toMatch(/demo|shop\b|origin"|knobs/i);
}, 30_000);
