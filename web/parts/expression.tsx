import { useEffect, useId, useRef, useState } from "hono/jsx/dom";
import type { PolicyDocument } from "ninelives/control";
import { useBoard } from "../board.ts";
import { dateAndTime } from "../format.ts";
import { excerpt, placeIn } from "../place-in-text.ts";

/** The text of a policy: to read, and to replace while it runs. */
export function Expression({ document: found }: { document: PolicyDocument }) {
  const { dashboard } = useBoard();
  const [draft, setDraft] = useState<string | null>(null);
  /** The version that the draft began from: what another one wrote meanwhile is not overwritten. */
  const [version, setVersion] = useState(0);
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);

  const edit = (): void => {
    setDraft(found.text);
    setVersion(found.version);
    setTrouble("");
  };
  const save = async (text: string, over = version): Promise<void> => {
    setBusy(true);
    setVersion(over);
    const act = await dashboard.command("policy.set", { name: found.name, text, version: over }, "replaced");
    setBusy(false);
    setTrouble(act.status === "failed" ? act.detail : "");
    if (act.status === "done") setDraft(null);
  };
  return (
    <section class="panel" aria-labelledby="expression">
      <div class="panel-head">
        <h2 id="expression">Policy</h2>
        {draft === null && (
          <button type="button" onClick={edit}>
            Edit
          </button>
        )}
      </div>
      {draft === null ? (
        <pre class="expression">{found.text}</pre>
      ) : (
        <Editor
          draft={draft}
          trouble={trouble}
          busy={busy}
          onDraft={setDraft}
          onSave={save}
          onCancel={() => setDraft(null)}
        />
      )}
      {draft !== null && found.version !== version && (
        <div class="conflict" role="status">
          <p>
            Version {found.version} came in while you were writing
            {found.updatedBy === null ? "" : `, by ${found.updatedBy}`}:
          </p>
          <pre class="expression">{found.text}</pre>
          <button type="button" onClick={() => save(draft, found.version)}>
            Replace it with mine
          </button>
        </div>
      )}
      <p class="note">{origin(found)}</p>
    </section>
  );
}

interface EditorProps {
  readonly draft: string;
  readonly trouble: string;
  readonly busy: boolean;
  readonly onDraft: (text: string) => void;
  readonly onSave: (text: string) => void;
  readonly onCancel: () => void;
}

function Editor({ draft, trouble, busy, onDraft, onSave, onCancel }: EditorProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  useEffect(() => area.current?.focus(), []);
  useEffect(() => {
    const place = placeIn(draft, trouble);
    if (place !== undefined) area.current?.setSelectionRange(place, place + 1);
    if (trouble !== "") area.current?.focus();
  }, [trouble]);
  const place = placeIn(draft, trouble);
  return (
    <form
      class="editor"
      onSubmit={(event: Event) => {
        event.preventDefault();
        if (!busy) onSave(draft);
      }}
    >
      <label for={`${id}text`} class="unseen">
        Policy as text
      </label>
      <textarea
        id={`${id}text`}
        ref={area}
        rows={Math.min(12, Math.max(4, draft.split("\n").length + 2))}
        spellcheck={false}
        autocapitalize="off"
        aria-invalid={trouble === "" ? undefined : "true"}
        aria-describedby={trouble === "" ? undefined : `${id}trouble`}
        value={draft}
        onInput={(event: Event) => onDraft((event.target as HTMLTextAreaElement).value)}
      />
      {trouble !== "" && (
        <div class="trouble" id={`${id}trouble`} role="alert">
          <p>{trouble}</p>
          {place !== undefined && <pre aria-hidden="true">{excerpt(draft, place)}</pre>}
        </div>
      )}
      <div class="buttons">
        <button type="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" class="primary" aria-disabled={busy ? "true" : undefined}>
          {busy ? "Sending…" : "Replace policy"}
        </button>
      </div>
    </form>
  );
}

function origin({ version, updatedAt, updatedBy }: PolicyDocument): string {
  if (version === 0 || updatedAt === null) return "As configured, never changed (version 0).";
  return `Version ${version}, by ${updatedBy ?? "somebody"} on ${dateAndTime(updatedAt)}.`;
}
