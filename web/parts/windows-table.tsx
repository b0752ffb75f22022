import type { PolicyState, WindowName, WindowState } from "ninelives/observer";
import { windowSpans } from "ninelives/observer";
import { useBoard } from "../board.ts";
import { count, latency, percent, rate, span } from "../format.ts";
import { perSecond } from "../model.ts";

const names = Object.keys(windowSpans) as WindowName[];

const measures: readonly [name: string, read: (window: WindowState, span: number) => string][] = [
  ["Requests", ({ requests }) => count(requests)],
  ["Rate", (window) => rate(window.rate)],
  ["Failures", ({ failures }) => count(failures)],
  ["Error rate", ({ errorRate }) => percent(errorRate)],
  ["p50", ({ p50 }) => latency(p50)],
  ["p90", ({ p90 }) => latency(p90)],
  ["p99", ({ p99 }) => latency(p99)],
  ["p99.9", ({ p999 }) => latency(p999)],
  ["Refused", ({ rejected }) => count(rejected)],
  ["Refused, rate", (window, span) => rate(perSecond(window, window.rejected, span))],
  ["Retries", ({ retries }) => count(retries)],
  ["Timeouts", ({ timeouts }) => count(timeouts)],
  ["Fallbacks", ({ fallbacks }) => count(fallbacks)],
  ["Given up", ({ aborted }) => count(aborted)],
];

/** The three windows of a policy side by side. */
export function WindowsTable({ windows }: Pick<PolicyState, "windows">) {
  const { model, now } = useBoard();
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
                <td key={window}>{read(windows[window], windowSpans[window])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {watched < windowSpans["15m"] && (
        <p class="note">
          The observer has been watching for {span(watched)}: longer windows hold no more than that.
        </p>
      )}
    </section>
  );
}
