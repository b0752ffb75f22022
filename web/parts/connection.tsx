import { useBoard } from "../board.ts";
import { span } from "../format.ts";
import { isLive, type Model } from "../model.ts";

/** Milliseconds without a word after which one says "disconnected". */
const lost = 60_000;
/** Milliseconds that what is shown may be old before its age is said although the connection is there. */
const quiet = 10_000;

/** Whether what one sees is alive, by shape and word, and else how old it is. */
export function Connection() {
  const { model, clock } = useBoard();
  const { state, words, age } = connection(model, clock);
  return (
    <p class="connection" data-state={state}>
      <svg viewBox="0 0 12 12" width="10" height="10" aria-hidden="true">
        {state === "live" && <circle cx="6" cy="6" r="5" fill="currentColor" />}
        {state === "reconnecting" && (
          <circle
            cx="6"
            cy="6"
            r="4.2"
            fill="none"
            stroke="currentColor"
            stroke-width="1.8"
            stroke-dasharray="3.6 3"
          />
        )}
        {state === "disconnected" && (
          <path d="M2 2l8 8M10 2l-8 8" fill="none" stroke="currentColor" stroke-width="2" />
        )}
      </svg>
      <span>
        <span role="status">{words}</span>
        {age !== "" && <span class="age">{age}</span>}
      </span>
    </p>
  );
}

/** What to say of the connection at `now` by the page's clock. */
function connection(
  model: Model,
  now: number,
): { state: "live" | "reconnecting" | "disconnected"; words: string; age: string } {
  const { link, heardAt } = model;
  const old = heardAt === null ? null : now - heardAt;
  const age = old === null ? "" : `, last update ${span(old)} ago`;
  if (isLive(model, now)) return { state: "live", words: "live", age: (old ?? 0) > quiet ? age : "" };
  if (link.state === "refused") return { state: "disconnected", words: "disconnected: needs a token", age };
  if (old === null && link.state === "connecting")
    return { state: "reconnecting", words: "connecting…", age: "" };
  const next = link.state === "waiting" && link.until > now ? `, next try in ${span(link.until - now)}` : "";
  return old === null || old > lost
    ? { state: "disconnected", words: "disconnected", age: age + next }
    : { state: "reconnecting", words: "reconnecting", age };
}
