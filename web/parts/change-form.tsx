import { useEffect, useId, useRef, useState } from "hono/jsx/dom";
import type { PolicyDocument } from "ninelives/control";
import { explained } from "../api.ts";
import { useBoard } from "../board.ts";
import {
  commandOf,
  type Draft,
  missingIn,
  objection,
  overrideWords,
  type Preview,
  terms,
} from "../change.ts";
import { boundsOf } from "../parameters.ts";
import { excerpt, placeIn } from "../place-in-text.ts";

interface ChangeFormProps {
  /** The policy as it is in force now. */
  readonly document: PolicyDocument;
  /** What to begin with. */
  readonly draft: Draft;
  /** @param done what to say of it; nothing when it was given up */
  readonly onClose: (done?: string) => void;
}

/** Changes a policy in two steps: what it would do, and then doing it. What is written anew is previewed anew. */
export function ChangeForm({ document: found, draft: first, onClose }: ChangeFormProps) {
  const { dashboard, model } = useBoard();
  const id = useId();
  const field = useRef<HTMLTextAreaElement | HTMLInputElement>(null);
  const term = useRef<HTMLSelectElement>(null);
  const apply = useRef<HTMLButtonElement>(null);
  /** The version that the draft goes by: what another one wrote meanwhile is not overwritten unseen. */
  const [version, setVersion] = useState(found.version);
  const [preview, setPreview] = useState<Preview | null>(null);
  const [trouble, setTrouble] = useState<{ readonly words: string; readonly text: string } | null>(null);
  const [busy, setBusy] = useState(false);
  // While a token is asked for, nothing is sent.
  const underway = busy && model.tokenWanted === null;

  const drafted = (): Draft => {
    const value = field.current?.value ?? "";
    if (first.of === "text") return { of: "text", text: value };
    return first.of === "parameter" ? { ...first, value: value.trim() } : first;
  };
  const send = async (dryRun: boolean, over = version): Promise<void> => {
    if (busy) return;
    const draft = drafted();
    const complain = (message: string): void =>
      setTrouble({ words: objection(message), text: draft.of === "text" ? draft.text : "" });
    setBusy(true);
    setTrouble(null);
    setVersion(over);
    const how = { version: over, expiresIn: term.current?.value ?? "", dryRun };
    const { name, args } = commandOf(draft, found, how);
    try {
      const answer = (await dashboard.command(name, args)) as Preview & PolicyDocument;
      // The form is gone then: nothing of it may be touched any more.
      if (!dryRun) return onClose(`version ${answer.version} is in force`);
      if (answer.applies) setPreview(answer);
      else complain(answer.errors[0]?.message ?? "this cannot be applied");
    } catch (error) {
      setPreview(null);
      complain(explained(error));
    }
    setBusy(false);
  };
  const written = (): void => {
    setPreview(null);
    setTrouble(null);
  };

  // What stands in the fields is theirs: were it put back at each drawing, the caret would jump.
  useEffect(() => {
    if (field.current !== null) {
      field.current.value = first.of === "text" ? first.text : first.of === "parameter" ? first.value : "";
      field.current.focus();
      if (first.of === "parameter") field.current.select();
    } else send(true);
  }, []);
  useEffect(() => apply.current?.focus(), [preview]);
  useEffect(() => {
    if (trouble === null) return;
    const place = placeIn(trouble.text, trouble.words);
    field.current?.focus();
    if (place !== undefined) field.current?.setSelectionRange(place, place + 1);
  }, [trouble]);

  const place = trouble === null ? undefined : placeIn(trouble.text, trouble.words);
  const common = {
    id: `${id}field`,
    ref: field,
    spellcheck: false,
    autocapitalize: "off" as const,
    autocomplete: "off",
    onInput: written,
    "aria-invalid": trouble === null ? undefined : ("true" as const),
    "aria-describedby": `${id}hint ${id}trouble`,
  };
  return (
    <form
      class="change"
      aria-label={titleOf(first)}
      onSubmit={(event: Event) => {
        event.preventDefault();
        send(preview === null);
      }}
      onKeyDown={(event: KeyboardEvent) => event.key === "Escape" && onClose()}
    >
      {first.of === "version" ? (
        <p class="asked">{titleOf(first)}</p>
      ) : (
        <label for={`${id}field`}>{titleOf(first)}</label>
      )}
      {first.of === "text" && <textarea {...common} rows={6} />}
      {first.of === "parameter" && <input {...common} type="text" />}
      <p class="note" id={`${id}hint`}>
        {first.of === "parameter" ? boundsOf(first.parameter) : ""}
      </p>
      <div class="trouble" id={`${id}trouble`} role="alert">
        {trouble !== null && <p>{trouble.words}</p>}
        {place !== undefined && <pre aria-hidden="true">{excerpt(trouble?.text ?? "", place)}</pre>}
      </div>
      {found.version !== version && (
        <div class="conflict" role="status">
          <p>
            Version {found.version} came in meanwhile
            {found.updatedBy === null ? "" : `, by ${found.updatedBy}`}.
          </p>
          <button type="button" onClick={() => send(true, found.version)}>
            Compare with that one
          </button>
        </div>
      )}
      <div role="status">{preview !== null && <Changes preview={preview} />}</div>
      <div class="buttons">
        <select ref={term} aria-label="How long it holds" onChange={written}>
          {terms.map(([expiresIn, words]) => (
            <option key={expiresIn} value={expiresIn}>
              {words}
            </option>
          ))}
        </select>
        <button type="button" onClick={() => onClose()}>
          Cancel
        </button>
        {preview === null ? (
          <button type="submit" key="preview" class="primary" aria-disabled={busy ? "true" : undefined}>
            {underway ? "Asking…" : "Preview"}
          </button>
        ) : (
          <button
            type="submit"
            key="apply"
            ref={apply}
            class="primary"
            aria-disabled={busy ? "true" : undefined}
          >
            {underway ? "Sending…" : "Apply"}
          </button>
        )}
      </div>
    </form>
  );
}

function titleOf(draft: Draft): string {
  if (draft.of === "text") return "Policy as text";
  return draft.of === "parameter" ? inside(draft.parameter.path) : `Roll back to version ${draft.to}`;
}

/** The path of a value within its policy. */
export function inside(path: string): string {
  return path.slice(path.indexOf("/") + 1);
}

/** What would change, by path. */
function Changes({ preview }: { preview: Preview }) {
  const { changes, version } = preview;
  const override = overrideWords(preview);
  return (
    <>
      {override !== undefined && <p class="note">{override}</p>}
      {changes.length === 0 ? (
        <p class="note">Nothing would change: it reads like version {version}.</p>
      ) : (
        <Differences changes={changes} />
      )}
    </>
  );
}

function Differences({ changes }: Pick<Preview, "changes">) {
  const missing = missingIn(changes);
  return (
    <table class="changes">
      <caption>What would change</caption>
      <thead>
        <tr>
          <th scope="col">Value</th>
          <th scope="col">Now</th>
          <th scope="col">Then</th>
        </tr>
      </thead>
      <tbody>
        {changes.map(({ path, before, after }) => (
          <tr key={path}>
            <th scope="row">{path}</th>
            <td>{before === null ? missing : <del>{before}</del>}</td>
            <td>{after === null ? missing : <ins>{after}</ins>}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
