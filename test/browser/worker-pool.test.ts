import { workerPoolContract } from "../contracts/worker-pool.ts";

workerPoolContract("Chromium", new URL("../contracts/worker-pool-tasks.js", import.meta.url));
