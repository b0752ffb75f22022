import { workerPool } from "ninelives/worker-pool";
import { expect, it } from "vitest";

it("workerPool says that this runtime has no workers", () => {
  expect(() => workerPool({ module: "https://cats.example/resize.js" })).toThrow(
    "workerPool needs Web Workers or Node's worker_threads, and this runtime has neither (Cloudflare Workers have none)",
  );
});
