/** One thread of `npm run simulate`: runs the seeds that it is handed, one after the other. */
import { parentPort } from "node:worker_threads";
import { shareState } from "./shared-state.ts";

parentPort?.on("message", async (seed: number) => {
  parentPort?.postMessage({ seed, ...(await shareState(seed)) });
});
