import type { CircuitReport } from "ninelives/observer";
import { useBoard } from "../board.ts";
import { stretchesOf } from "../circuit-timeline.ts";
import { span, timeOfDay } from "../format.ts";

/** Milliseconds that it shows. */
const shown = 900_000;
const width = 900;
const height = 22;
const marks = [-15, -10, -5, 0];

/** The states of a circuit over the last quarter of an hour, by colour and by height, and in words. */
export function CircuitTimeline({ report }: { report: CircuitReport }) {
  const { now } = useBoard();
  const stretches = stretchesOf(report, now - shown, now);
  const x = (at: number): number => ((at - now + shown) / shown) * width;
  const words = stretches.map(
    ({ state, from, to }) => `${state.replace("-", " ")} for ${span(to - from)} from ${timeOfDay(from)}`,
  );
  return (
    <div class="timeline">
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Last 15 minutes: ${words.slice(-8).join(", ")}`}
      >
        {stretches.map(({ state, from, to }, index) => {
          // What passes calls is low, so that the states are told apart without colours.
          const tall = state === "open" || state === "forced-open" ? height : height / 2.75;
          return (
            <g key={from}>
              <title>{words[index]}</title>
              <rect x={x(from)} width={Math.max(2, x(to) - x(from))} height={height} />
              <rect
                data-state={state}
                x={x(from)}
                y={height - tall}
                width={Math.max(2, x(to) - x(from))}
                height={tall}
              />
            </g>
          );
        })}
      </svg>
      <p aria-hidden="true">
        {marks.map((minutes) => (
          <span key={minutes}>{minutes === 0 ? "now" : `−${-minutes} min`}</span>
        ))}
      </p>
    </div>
  );
}
