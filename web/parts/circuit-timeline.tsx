import type { CircuitReport } from "ninelives/observer";
import { useBoard } from "../board.ts";
import { stretchesOf } from "../circuit-timeline.ts";
import { span, timeOfDay } from "../format.ts";

/** Milliseconds that it shows. */
const shown = 900_000;
const width = 1_000;
const height = 14;

/** The states of a circuit over the last quarter of an hour, by colour and by height, and in words. */
export function CircuitTimeline({ report, policy }: { report: CircuitReport; policy: string }) {
  const { model, now } = useBoard();
  const events = model.log.news.map(({ event }) => event).filter((event) => event.policy === policy);
  const stretches = stretchesOf(report, events, now - shown, now);
  const x = (at: number): number => ((at - now + shown) / shown) * width;
  const words = stretches.map(
    ({ state, from, to }) => `${state.replace("-", " ")} for ${span(to - from)} from ${timeOfDay(from)}`,
  );
  return (
    <svg
      class="timeline"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`Last 15 minutes: ${words.slice(-8).join(", ")}`}
    >
      {stretches.map(({ state, from, to }) => {
        // What passes calls is low, so that the states are told apart without colours.
        const tall = state === "open" || state === "forced-open" ? height : height / 2.5;
        return (
          <rect
            key={from}
            data-state={state}
            x={x(from)}
            y={height - tall}
            width={Math.max(2, x(to) - x(from))}
            height={tall}
          />
        );
      })}
    </svg>
  );
}
