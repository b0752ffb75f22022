import { spawnSync } from "node:child_process";

const has = (command: string): boolean => spawnSync(command, ["--version"]).error === undefined;

/**
 * Makes sure that a command is there, which a package of Debian's brings.
 *
 * @throws when it is missing and cannot be installed, so that no test passes by not running
 */
export function debian(command: string, name: string): void {
  if (has(command)) return;
  const byHand = `install Debian's package ${name}, which brings ${command}`;
  if (process.getuid?.() !== 0)
    throw new Error(`${command} is missing, and only root can install it: ${byHand}`);
  for (const step of [["update"], ["install", "--yes", "--no-install-recommends", name]]) {
    const { status, error, stderr } = spawnSync("apt-get", step, {
      encoding: "utf8",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    if (status !== 0) {
      const why = error?.message ?? stderr.trim().split("\n").at(-1);
      throw new Error(`${command} is missing, and apt-get ${step[0]} failed (${why}): ${byHand}`);
    }
  }
  if (!has(command)) throw new Error(`${command} is still missing: ${byHand}`);
}
