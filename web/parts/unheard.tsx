import { windowSpans } from "ninelives/observer";
import { useBoard } from "../board.ts";
import { timeOfDay } from "../format.ts";
import { gapsWithin } from "../model.ts";

/** What the observer itself does not know: of the policies whose shard does not answer, and of the moments before a restart. */
export function Unheard() {
  const { model, now, window } = useBoard();
  const { absent } = model;
  const last = gapsWithin(model, now - windowSpans[window]).at(-1);
  return (
    <div class="unheard" role="status">
      {absent !== null && (
        <p>
          {absent.shards.length} of {absent.of} shards of the observer{" "}
          {absent.shards.length === 1 ? "does not answer: its" : "do not answer: their"} policies are unknown.
        </p>
      )}
      {last !== undefined && (
        <p>
          The observer was restarted: between {timeOfDay(last.from)} and {timeOfDay(last.to)} something may be
          missing.
        </p>
      )}
    </div>
  );
}
