import { useBoard } from "../board.ts";
import { Empty } from "../parts/empty.tsx";

/** What stands where there is no policy to show, for whatever reason. */
export function Nothing() {
  const { model, dashboard } = useBoard();
  if (model.observer !== null) {
    return (
      <Empty whole title="No calls yet">
        <p>
          Each policy that guards calls gets a card here: whether its circuit lets them pass, how many there
          are, how many fail and how long they take.
        </p>
        <p>
          {model.link.state === "live" && "The observer is listening. "}Send a request through{" "}
          <code>/gateway/&lt;upstream&gt;/</code>, or let a page send its events to <code>/v1/events</code>:
          the policy shows up here within a second.
        </p>
      </Empty>
    );
  }
  if (model.link.state === "refused") {
    return (
      <Empty whole title="This observer wants a token">
        <p>It shows what it sees only to those who have one.</p>
        <p>
          <button
            type="button"
            class="primary"
            onClick={() => dashboard.askForToken("Looking needs a token.")}
          >
            Enter a token
          </button>
        </p>
      </Empty>
    );
  }
  return (
    <Empty whole title="Waiting for the observer…">
      <p>
        If this takes long, look whether the Worker runs and answers at <code>/healthz</code>.
      </p>
    </Empty>
  );
}
