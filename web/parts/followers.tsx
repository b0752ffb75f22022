import { isAbsent, type PolicyState } from "ninelives/observer";
import { useBoard } from "../board.ts";
import { followerWords, refusalsOf } from "../follower-words.ts";
import { span } from "../format.ts";

/** Which version of a policy's document those have who follow it, and who refuses one and why. */
export function Followers({ state }: { state: PolicyState }) {
  const { model, now } = useBoard();
  const { policy, document: report } = state;
  const refusals = report && refusalsOf(report);
  const words = isAbsent(policy, model.absent)
    ? "Who has which version is unknown: its shard of the observer does not answer."
    : followerWords(report, model.documents?.get(policy)?.version);
  return (
    <>
      {words && <p class="note">{words}</p>}
      {refusals?.all.map(({ words, reason, source, at, others }) => (
        <p class="trouble" key={words + reason}>
          <strong>{words}</strong> {reason}{" "}
          <span class="note">
            · {source}
            {others > 0 && ` and ${others} more`}, {span(now - at)} ago
          </span>
        </p>
      ))}
      {refusals?.more && <p class="note">More may refuse one: the last five are told.</p>}
    </>
  );
}
