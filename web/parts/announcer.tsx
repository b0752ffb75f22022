import { useRef } from "hono/jsx/dom";
import { begunToFire } from "../alert-words.ts";
import { useBoard } from "../board.ts";
import { sentence } from "../sentence.ts";

/** Tells a screen reader when a circuit changes or an alert begins to fire; everything else is there to be looked up. */
export function Announcer() {
  const { model } = useBoard();
  const last = model.log.news.at(-1);
  return (
    <>
      <p class="unseen" role="status" aria-live="polite">
        {last === undefined ? "" : sentence(last.event)}
      </p>
      <Alarm />
    </>
  );
}

function Alarm() {
  const { model } = useBoard();
  const before = useRef(model.alerts);
  const said = useRef("");
  if (before.current !== model.alerts) {
    // What fired already when the page was opened stands beside the link to the alerts.
    const news = before.current === null ? "" : begunToFire(before.current, model.alerts);
    if (news !== "") said.current = news;
    before.current = model.alerts;
  }
  return (
    <p class="unseen alarm" role="status">
      {said.current}
    </p>
  );
}
