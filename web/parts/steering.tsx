import type { CircuitState } from "ninelives";
import { useBoard } from "../board.ts";
import type { Act } from "../model.ts";

const commands = [
  { command: "circuit.open", label: "Force open", done: "forced open" },
  { command: "circuit.close", label: "Close", done: "closed" },
  { command: "circuit.reset", label: "Reset", done: "reset" },
] as const;

/** Milliseconds for which the outcome of a command stays. */
const shown = 10_000;

/** The buttons that steer a circuit, and what became of the last one. */
export function Steering({ circuit, state }: { circuit: string; state: CircuitState | undefined }) {
  const { dashboard, model, clock } = useBoard();
  const act = model.acts.get(circuit);
  const pending = act?.status === "pending";
  const pointless: Readonly<Record<string, boolean>> = {
    "circuit.open": state === "forced-open",
    "circuit.close": state === "closed",
  };
  return (
    <div class="steering">
      {/* While a token is asked for, nothing is sent. */}
      <Outcome act={pending && model.tokenWanted !== null ? undefined : act} clock={clock} />
      <fieldset class="buttons">
        <legend class="unseen">Circuit {circuit}</legend>
        {commands.map(({ command, label, done }) => (
          <button
            type="button"
            key={command}
            aria-disabled={pending || pointless[command] ? "true" : undefined}
            onClick={() => {
              if (!pending && !pointless[command]) dashboard.steer(circuit, command, done);
            }}
          >
            {label}
          </button>
        ))}
      </fieldset>
    </div>
  );
}

/** What became of a command; it goes away by itself unless it failed. */
function Outcome({ act, clock }: { act: Act | undefined; clock: number }) {
  const visible = act !== undefined && (act.status !== "done" || clock - act.at < shown);
  return (
    <p class="outcome" role="status" data-status={visible ? act.status : undefined}>
      {visible ? <span>{act.status === "done" ? `✓ ${act.detail}` : act.detail}</span> : null}
    </p>
  );
}
