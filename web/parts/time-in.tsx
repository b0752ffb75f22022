import type { CircuitReport } from "ninelives/observer";
import { percent, span } from "../format.ts";

/** How long a circuit has been in each of its states, as a bar and in words. */
export function TimeIn({ report }: { report: CircuitReport }) {
  const times = Object.entries(report.timeIn).filter(([, ms]) => ms > 0);
  const all = times.reduce((sum, [, ms]) => sum + ms, 0);
  if (all === 0) return null;
  return (
    <dl class="time-in" aria-label={`Time of circuit ${report.circuit} in each state`}>
      {times
        .sort(([, a], [, b]) => b - a)
        .map(([state, ms]) => (
          <div key={state} data-state={state}>
            <dt>{state.replace("-", " ")}</dt>
            <dd>
              {span(ms)} · {percent(ms / all)}
            </dd>
          </div>
        ))}
    </dl>
  );
}
