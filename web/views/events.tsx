import { useRef, useState } from "hono/jsx/dom";
import { useBoard } from "../board.ts";
import { eventKinds } from "../event-kinds.ts";
import { type EventLog, rowsOf } from "../event-log.ts";
import { plural } from "../format.ts";
import { Empty } from "../parts/empty.tsx";
import { EventRows } from "../parts/event-rows.tsx";
import { sentence } from "../sentence.ts";

/** The log, as it comes in. */
export function EventsView() {
  const { model } = useBoard();
  const [text, setText] = useState("");
  const [type, setType] = useState("notable");
  const [policy, setPolicy] = useState("");
  const paused = useRef<EventLog | null>(null);
  const [, redraw] = useState(0);

  const log = paused.current ?? model.log;
  const rows = rowsOf(log, { text, type, policy }, sentence);
  const waiting = model.log.next - log.next;
  const value = (event: Event): string => (event.target as HTMLInputElement | HTMLSelectElement).value;
  const toggle = (): void => {
    paused.current = paused.current === null ? model.log : null;
    redraw(Date.now());
  };
  return (
    <>
      <div class="toolbar">
        <h1>Events</h1>
        <p class="note">
          {/* Without the count, or a screen reader would tell of each event that waits. */}
          <span role="status">{paused.current !== null ? "paused" : ""}</span>
          {paused.current !== null && ` · ${plural(waiting, "event")} since`}
          {model.skipped > 0 && ` ${plural(model.skipped, "event")} came too fast to be shown`}
        </p>
        <input
          type="search"
          aria-label="Search events"
          placeholder="Search events"
          value={text}
          onInput={(event: Event) => setText(value(event))}
        />
        <select aria-label="Kind of event" value={type} onChange={(event: Event) => setType(value(event))}>
          {eventKinds.map(([prefix, label]) => (
            <option key={prefix} value={prefix}>
              {label}
            </option>
          ))}
        </select>
        <select aria-label="Policy" value={policy} onChange={(event: Event) => setPolicy(value(event))}>
          <option value="">all policies</option>
          {[...model.policies.keys()].sort().map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
        <button type="button" aria-pressed={paused.current !== null ? "true" : "false"} onClick={toggle}>
          {paused.current === null ? "Pause" : "Go on"}
        </button>
      </div>
      {rows.length > 0 ? (
        <EventRows rows={rows} withPolicy />
      ) : (
        <Empty title={model.log.next === 0 ? "No events yet" : "No event passes this filter"}>
          <p>
            {model.log.next === 0
              ? "They appear here as they happen: calls, retries, timeouts, circuits that open and close."
              : "Choose “everything” to see answered calls too, or search for something else."}
          </p>
        </Empty>
      )}
    </>
  );
}
