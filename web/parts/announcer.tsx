import { useBoard } from "../board.ts";
import { sentence } from "../sentence.ts";

/** Tells a screen reader when a circuit changes; everything else is there to be looked up. */
export function Announcer() {
  const { model } = useBoard();
  const last = model.log.news.at(-1);
  return (
    <p class="unseen" role="status" aria-live="polite">
      {last === undefined ? "" : sentence(last.event)}
    </p>
  );
}
