import { type WindowName, windowSpans } from "ninelives/observer";
import { useBoard } from "../board.ts";

const spoken: Readonly<Record<WindowName, string>> = {
  "1m": "last minute",
  "5m": "last 5 minutes",
  "15m": "last 15 minutes",
};

/** Chooses over which window rates, errors and latencies are taken. */
export function WindowSwitch() {
  const { window, chooseWindow } = useBoard();
  return (
    <fieldset class="switch">
      <legend class="unseen">Window</legend>
      {(Object.keys(windowSpans) as WindowName[]).map((name) => (
        <label key={name}>
          <input
            type="radio"
            name="window"
            class="unseen"
            checked={window === name}
            aria-label={spoken[name]}
            onChange={() => chooseWindow(name)}
          />
          <span aria-hidden="true">{name}</span>
        </label>
      ))}
    </fieldset>
  );
}
