import { spawnSync } from "node:child_process";

const has = (): boolean => spawnSync("promtool", ["--version"]).status === 0;

/**
 * Checks metrics by Prometheus' own tool, which Debian's package `prometheus` brings.
 *
 * @returns what it complains of
 * @throws when there is no promtool and it cannot be installed
 */
export function promtool(metrics: string): string {
  if (!has()) install();
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: metrics,
    encoding: "utf8",
  });
  const complaints = `${stdout}${stderr}`.trim();
  return status === 0 || complaints !== "" ? complaints : `promtool ended with ${status}`;
}

function install(): void {
  const byHand = "install Debian's package prometheus, which brings promtool";
  if (process.getuid?.() !== 0)
    throw new Error(`promtool is missing, and only root can install it: ${byHand}`);
  for (const step of [["update"], ["install", "--yes", "--no-install-recommends", "prometheus"]]) {
    const { status, error, stderr } = spawnSync("apt-get", step, {
      encoding: "utf8",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    if (status !== 0) {
      const why = error?.message ?? stderr.trim().split("\n").at(-1);
      throw new Error(`promtool is missing, and apt-get ${step[0]} failed (${why}): ${byHand}`);
    }
  }
  if (!has()) throw new Error(`promtool is still missing: ${byHand}`);
}
