import { severityOf } from "ninelives/telemetry";
import type { LogRow } from "../event-log.ts";
import { timeOfDay } from "../format.ts";
import { href } from "../route.ts";
import { sentence, type Tone, toneOf } from "../sentence.ts";

/** Events in words, newest first. */
export function EventRows({ rows, withPolicy = false }: { rows: readonly LogRow[]; withPolicy?: boolean }) {
  return (
    <ol class="events" reversed>
      {rows.map(({ number, event, at, times, sources }) => (
        <li key={number} data-tone={toneOf(event)}>
          <time dateTime={new Date(at).toISOString()}>{timeOfDay(at)}</time>
          <ToneMark tone={toneOf(event)} />
          <p>
            {sentence(event)}
            {times > 1 && <span class="times"> ×{times}</span>}
          </p>
          <p class="source">
            <span class="severity">{severityOf(event)}</span>
            <code>{event.type}</code>
            {withPolicy && <a href={href({ view: "policy", policy: event.policy })}>{event.policy}</a>}
            <span title={sources.join(", ")}>
              {sources.length > 1 ? `${sources.length} sources` : event.source}
            </span>
            {event.key !== undefined && event.key !== event.policy && <span>{event.key}</span>}
          </p>
        </li>
      ))}
    </ol>
  );
}

const marks: Readonly<Record<Tone, string>> = {
  bad: "M6 1 11 10.5H1z",
  warning: "M6 .8 11.2 6 6 11.2.8 6z",
  good: "M6 1a5 5 0 1 1 0 10A5 5 0 1 1 6 1z",
  plain: "M6 4a2 2 0 1 1 0 4 2 2 0 1 1 0-4z",
};

function ToneMark({ tone }: { tone: Tone }) {
  return (
    <svg class="tone" viewBox="0 0 12 12" width="11" height="11" aria-hidden="true">
      <path d={marks[tone]} fill="currentColor" />
    </svg>
  );
}
