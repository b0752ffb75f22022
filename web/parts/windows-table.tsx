import type { Limits, PolicyState, WindowName, WindowState } from "ninelives/observer";
import { windowSpans } from "ninelives/observer";
import { useBoard } from "../board.ts";
import { count, figures, latency, percent, rate, span, timeOfDay, unknown } from "../format.ts";
import { gapsWithin, isHeard, perSecond } from "../model.ts";

const names = Object.keys(windowSpans) as WindowName[];

/** A measure, and how to read it off a window of so many milliseconds. */
type Measure = readonly [name: string, read: (window: WindowState, span: number, limits: Limits) => string];

const measures: readonly Measure[] = [
  ["Requests", ({ requests }) => count(requests)],
  ["Rate", (window) => rate(window.rate)],
  ["Failures", ({ failures }) => count(failures)],
  ["Error rate", ({ errorRate }) => percent(errorRate)],
  // Answered by a fallback or an old answer: older observers do not tell.
  ["Degraded", ({ degraded }) => count(degraded)],
  ["p50", ({ p50 }) => latency(p50)],
  ["p90", ({ p90 }) => latency(p90)],
  ["p99", ({ p99 }) => latency(p99)],
  ["p99.9", ({ p999 }) => latency(p999)],
  ["Load shed", ({ rejected }) => count(rejected)],
  ["Load shed, rate", (window, span) => rate(perSecond(window, window.rejected, span))],
  ["Amplification", ({ amplification }) => (amplification === null ? unknown : `${figures(amplification)}×`)],
  ["Retries", ({ retries }) => count(retries)],
  ["Hedges won", ({ hedgesWon }) => count(hedgesWon)],
  ["Hedges lost", ({ hedges, hedgesWon }) => count(Math.max(0, hedges - hedgesWon))],
  ["At once, most", bulkheadUse],
  ["Let through", limiterUse],
  // For a slot or for a turn: older observers do not tell.
  ["Waited", ({ waits }) => count(waits)],
  ["Timeouts", ({ timeouts }) => count(timeouts)],
  ["Fallbacks", ({ fallbacks }) => count(fallbacks)],
  ["Given up", ({ aborted }) => count(aborted)],
];

/** The most calls that a bulkhead held, of those that it may; who has none tells of none, which is not zero. */
function bulkheadUse({ active }: WindowState, _span: number, { concurrency }: Limits): string {
  if (concurrency === null) return active === 0 ? unknown : count(active);
  return `${count(active)} of ${count(concurrency)}`;
}

/** The calls that got past what refuses some, of those that a rate limit lets through. */
function limiterUse(window: WindowState, span: number, { rate: limit, per }: Limits): string {
  const through = rate(perSecond(window, Math.max(0, window.requests - window.rejected), span));
  return limit === null || per == null ? through : `${through} of ${rate((limit * 1_000) / per)}`;
}

/** The three windows of a policy side by side. */
export function WindowsTable({ state }: { state: PolicyState }) {
  const { windows, limits } = state;
  const { model, now } = useBoard();
  const gaps = gapsWithin(model, now - windowSpans["15m"]);
  const watched = model.observer === null ? Infinity : now - model.observer.since;
  return (
    <section class="panel" aria-labelledby="windows">
      <h2 id="windows">Windows</h2>
      <table class="windows">
        <thead>
          <tr>
            <td />
            {names.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {measures.map(([name, read]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {names.map((window) => (
                <td key={window}>
                  {isHeard(state, windowSpans[window], now)
                    ? read(windows[window], windowSpans[window], limits)
                    : unknown}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {gaps.length > 0 && (
        <p class="note">
          The observer was restarted and may have missed something:{" "}
          {gaps.map(({ from, to }) => `${timeOfDay(from)} to ${timeOfDay(to)}`).join(", ")}.
        </p>
      )}
      {watched < windowSpans["15m"] && (
        <p class="note">
          The observer has been watching for {span(watched)}: longer windows hold no more than that.
        </p>
      )}
    </section>
  );
}
