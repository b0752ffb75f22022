import type { TestProject } from "vitest/node";
import { FetchServer } from "./server.ts";

/** Starts the server of the tests of fetch, for all runtimes, and stops it after the last of them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await FetchServer.start();
  project.provide("fetchServer", server.addresses);
  return () => server.stop();
}
