import type { Series } from "ninelives/observer";
import { useBoard } from "../board.ts";
import { figures, timeOfDay } from "../format.ts";
import { band, outcomesOf, roundUp, watchedFrom } from "./outcomes.ts";

const width = 240;
const height = 44;

/**
 * The last two minutes at a glance: failed and refused calls from the ground up, the answered ones on top of them. What was before
 * the observer began is hatched, for it is unknown.
 */
export function Sparkline({ series }: { series: Series }) {
  const { seenAt, model } = useBoard();
  const since = model.observer?.since ?? null;
  const every = outcomesOf(series, seenAt);
  const first = watchedFrom(series, seenAt, since);
  const points = every.slice(first);
  const zero = points.map(() => 0);
  const failed = points.map((point) => point.failed);
  const bad = points.map((point) => point.failed + point.refused);
  const all = points.map((point) => point.failed + point.refused + point.answered);
  const most = roundUp(Math.max(...all, 0));
  const x = (index: number): number => ((index + first) * width) / Math.max(1, every.length - 1);
  const y = (value: number): number => height - (value / most) * (height - 2);
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={spoken(series, first, since)}
    >
      {(first > 0 || points.length === 0) && (
        <rect width={points.length === 0 ? width : x(0)} height={height} fill="url(#unknown)" />
      )}
      <path class="area-answered" d={band(bad, all, x, y)} />
      <path class="area-refused" d={band(failed, bad, x, y)} />
      <path class="area-refused-pattern" d={band(failed, bad, x, y)} fill="url(#dots)" />
      <path class="area-failed" d={band(zero, failed, x, y)} />
      <path class="area-failed-pattern" d={band(zero, failed, x, y)} fill="url(#stripes)" />
    </svg>
  );
}

/** The patterns that tell failed from refused without colour; once on the page. */
export function Patterns() {
  return (
    <svg class="patterns" width="0" height="0" aria-hidden="true">
      <defs>
        <pattern
          id="stripes"
          width="5"
          height="5"
          patternUnits="userSpaceOnUse"
          patternTransform="rotate(45)"
        >
          <rect class="pattern-ink" width="1.6" height="5" />
        </pattern>
        <pattern id="dots" width="5" height="5" patternUnits="userSpaceOnUse">
          <circle class="pattern-ink" cx="1.5" cy="1.5" r="1" />
          <circle class="pattern-ink" cx="4" cy="4" r="1" />
        </pattern>
        <pattern
          id="unknown"
          width="8"
          height="8"
          patternUnits="userSpaceOnUse"
          patternTransform="rotate(-45)"
        >
          <rect class="pattern-unknown" width="1" height="8" />
        </pattern>
      </defs>
    </svg>
  );
}

function spoken({ requests, failures, rejected }: Series, first: number, since: number | null): string {
  if (first >= requests.length) return "Last two minutes: unknown";
  const when = first === 0 || since === null ? "Last two minutes" : `Since ${timeOfDay(since)}`;
  const sum = (values: readonly number[]): string => figures(values.reduce((a, b) => a + b, 0));
  return `${when}: ${sum(requests)} calls, ${sum(failures)} failed, ${sum(rejected)} refused`;
}
