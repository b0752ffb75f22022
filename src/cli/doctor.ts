import { exits } from "./cli-error.ts";
import type { CliCommand } from "./command.ts";
import { type Check, checks, type Findings } from "./doctor-checks.ts";
import { counted } from "./figures.ts";
import type { Ink, Inked } from "./screen.ts";

const marks = { ok: "✓", warning: "!", failed: "✗", skipped: "–" } as const;
const inks: Readonly<Record<keyof typeof marks, Ink>> = {
  ok: "green",
  warning: "yellow",
  failed: "red",
  skipped: "dim",
};

export const doctorCommands: readonly CliCommand[] = [
  {
    name: "doctor",
    summary: "Check whether all is well, and say what to do where it is not.",
    details: "It exits with 1 when a check failed. NINELIVES_INGEST_KEY lets it check the collector, too.",
    examples: ["ninelives doctor", "ninelives doctor --json | jq -r 'select(.result == \"failed\") | .fix'"],
    run: async (call) => {
      const { screen } = call;
      const findings: Findings = {};
      const counts: Partial<Record<keyof typeof marks, number>> = {};
      for (const [name, check] of Object.entries(checks)) {
        const finding = await found(check, call, findings);
        const { result, detail, fix } = finding;
        counts[result] = (counts[result] ?? 0) + 1;
        if (screen.json) {
          screen.value({ check: name, ...finding });
          continue;
        }
        screen.line({ text: marks[result], ink: inks[result] }, name.padEnd(10), detail);
        if (fix !== undefined)
          for (const line of fix.split("\n")) screen.line({ text: `  → ${line}`, ink: "dim" });
      }
      const { failed = 0, warning = 0 } = counts;
      if (!screen.json) screen.line(verdict(failed, warning));
      return failed === 0 ? exits.done : exits.failed;
    },
  },
];

/** The last line: what all checks come to. */
function verdict(failed: number, warnings: number): Inked {
  const looks = `${counted(warnings, "warning")} to look at`;
  if (failed > 0)
    return { text: `${counted(failed, "check")} failed${warnings > 0 ? `, ${looks}` : ""}`, ink: "red" };
  return warnings > 0 ? { text: `it works, ${looks}`, ink: "yellow" } : { text: "all is well", ink: "green" };
}

async function found(check: Check, call: Parameters<Check>[0], findings: Findings): ReturnType<Check> {
  if (findings.unreachable) return { result: "skipped", detail: "the server cannot be reached" };
  return check(call, findings);
}
