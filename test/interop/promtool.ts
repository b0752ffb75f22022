import { spawnSync } from "node:child_process";
import { debian } from "./debian.ts";

/**
 * Checks metrics by Prometheus' own tool, which Debian's package `prometheus` brings.
 *
 * @returns what it complains of
 * @throws when there is no promtool and it cannot be installed
 */
export function promtool(metrics: string): string {
  debian("promtool", "prometheus");
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: metrics,
    encoding: "utf8",
  });
  const complaints = `${stdout}${stderr}`.trim();
  return status === 0 || complaints !== "" ? complaints : `promtool ended with ${status}`;
}
