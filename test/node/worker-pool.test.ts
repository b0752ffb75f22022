import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { workerPoolContract } from "../contracts/worker-pool.ts";

const module = new URL("../contracts/worker-pool-tasks.js", import.meta.url);

workerPoolContract("Node", module);

it("keeps no process alive for workers that are idle", async () => {
  const source = new URL("../../src/worker-pool/index.ts", import.meta.url).href;
  const code = `
    import { workerPool } from ${JSON.stringify(source)};
    const double = workerPool({ module: ${JSON.stringify(module.href)} });
    console.log(await double(21));`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code]);
  let out = "";
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  const [status] = await once(child, "close");
  expect([out, status]).toEqual(["42\n", 0]);
});
