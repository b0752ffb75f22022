import type { CircuitState } from "../core/events.ts";
import type { AbsentShards, CircuitReport, SystemState } from "../observer/system-state.ts";
import { absentWords } from "./absent-words.ts";
import { CliError, exits } from "./cli-error.ts";
import type { CliCommand } from "./command.ts";
import { span } from "./figures.ts";
import type { OptionForms } from "./given.ts";
import type { Ink } from "./screen.ts";
import type { Server } from "./server.ts";

interface FleetCircuit {
  readonly policy: string;
  readonly circuit: string;
  readonly state: string;
  readonly epoch: number;
}

/** A circuit as the fleet has it, where one may ask, with what the observer saw of it, where one may look. */
interface Row extends Partial<Omit<CircuitReport, "circuit" | "state">> {
  readonly policy: string;
  readonly circuit: string;
  readonly state: string;
  readonly epoch?: number;
}

const reason: OptionForms = { reason: { value: "<text>", help: "why, for the audit log" } };

const does = {
  open: "Open a circuit, which stays open until somebody closes or resets it.",
  isolate: "The same as open, by the name that it has elsewhere.",
  close: "Close a circuit, and forget why it opened.",
  reset: "Close a circuit, and forget all that it has seen.",
} as const;

export const circuitCommands: readonly CliCommand[] = [
  {
    name: "circuits list",
    summary: "List the circuits with their states.",
    options: { open: { help: "only those that are not closed" } },
    examples: ["ninelives circuits list", "ninelives circuits list --open --json"],
    run: async ({ server, screen, given, world }) => {
      const { all, absent } = await rows(server);
      const shown = given.flag("open") ? all.filter(({ state }) => state !== "closed") : all;
      const now = world.clock.wall();
      if (screen.json) for (const row of shown) screen.value(row);
      else {
        screen.table(
          ["CIRCUIT", "POLICY", "STATE", "FOR", "OPENED", "REASON"],
          shown.map(({ circuit, policy, state, since, openings, reason }) => [
            { text: circuit, ink: "bold" },
            policy,
            circuitCell(state),
            since === undefined ? undefined : span(now - since),
            openings,
            reason,
          ]),
        );
      }
      if (absent !== undefined) screen.note(absentWords(absent), "yellow");
      return exits.done;
    },
  },
  ...(Object.keys(does) as (keyof typeof does)[]).map(
    (what): CliCommand => ({
      name: `circuits ${what}`,
      words: "<circuit>",
      summary: does[what],
      options: reason,
      examples: [`ninelives circuits ${what} prices --reason "the provider is down, ticket 4711"`],
      run: async ({ server, screen, words: [circuit], given }) => {
        const turned = await server.command<Omit<FleetCircuit, "policy">>(`circuit.${what}`, {
          circuit,
          reason: given.text("reason"),
        });
        if (screen.json) screen.value(turned);
        else screen.line(turned.circuit, "is", circuitCell(turned.state));
        return exits.done;
      },
    }),
  ),
];

const stateInks: Readonly<Record<string, Ink>> = {
  closed: "green",
  "half-open": "yellow",
  open: "red",
  "forced-open": "red",
} satisfies Partial<Record<CircuitState, Ink>>;

/** A circuit's state in its colour. */
export function circuitCell(state: string): { readonly text: string; readonly ink: Ink } {
  return { text: state, ink: stateInks[state] ?? "dim" };
}

/** Those that are known, and of which shards the observer knows nothing. */
async function rows(server: Server): Promise<{ readonly all: Row[]; readonly absent?: AbsentShards }> {
  const [fleet, seen] = await Promise.all([
    server.known ? server.command<readonly FleetCircuit[]>("state", {}).catch(orNothing) : undefined,
    server.get<SystemState>("/v1/state").catch((error: unknown) => {
      if (server.known) return orNothing(error);
      throw error;
    }),
  ]);
  const reports = new Map(
    (seen?.policies ?? []).flatMap(({ policy, circuits }) =>
      circuits.map((report): [string, Row] => [report.circuit, { policy, ...report }]),
    ),
  );
  const absent = seen?.absent && { absent: seen.absent };
  if (fleet !== undefined)
    return { all: fleet.map((circuit) => ({ ...reports.get(circuit.circuit), ...circuit })), ...absent };
  if (seen !== undefined) return { all: [...reports.values()], ...absent };
  throw new CliError(exits.denied, "the token may not see circuits: it needs the scope read");
}

/** What one may not see is left out, as long as the other half may be seen. */
function orNothing(error: unknown): undefined {
  if (error instanceof CliError && error.exit === exits.denied) return undefined;
  throw error;
}
