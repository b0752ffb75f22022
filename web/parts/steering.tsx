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

/** The buttons that steer a policy's circuit, and what became of the last one. */
export function Steering({ policy, state }: { policy: string; state: CircuitState | undefined }) {
  const { dashboard, model, now } = useBoard();
  const act = model.acts.get(policy);
  const pending = act?.status === "pending";
  const pointless: Readonly<Record<string, boolean>> = {
    "circuit.open": state === "forced-open",
    "circuit.close": state === "closed",
  };
  return (
    <div class="steering">
      <fieldset class="buttons">
        <legend class="unseen">Circuit {policy}</legend>
        {commands.map(({ command, label, done }) => (
          <button
            type="button"
            key={command}
            aria-disabled={pending || pointless[command] ? "true" : undefined}
            onClick={() => {
              if (!pending && !pointless[command]) dashboard.act(policy, command, { circuit: policy }, done);
            }}
          >
            {label}
          </button>
        ))}
      </fieldset>
      <Outcome act={act} now={now - model.skew} />
    </div>
  );
}

/** What became of a command; it goes away by itself unless it failed. */
export function Outcome({ act, now }: { act: Act | undefined; now: number }) {
  const visible = act !== undefined && (act.status !== "done" || now - act.at < shown);
  return (
    <p class="outcome" role="status" data-status={visible ? act.status : undefined}>
      {visible ? <span>{act.status === "done" ? `✓ ${act.detail}` : act.detail}</span> : null}
    </p>
  );
}
