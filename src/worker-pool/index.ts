export { type WorkerPool, type WorkerPoolOptions, workerPool } from "./worker-pool.ts";
