import type { Child } from "hono/jsx";
import { useRef, useState } from "hono/jsx/dom";
import type { ParameterState, PolicyDocument } from "ninelives/control";
import type { PolicyState } from "ninelives/observer";
import { useBoard } from "../board.ts";
import type { Draft } from "../change.ts";
import { dateAndTime, span, timeOfDay } from "../format.ts";
import { bare, boundsOf } from "../parameters.ts";
import { ChangeForm, inside } from "./change-form.tsx";
import { Followers } from "./followers.tsx";
import { Versions } from "./versions.tsx";

/** A policy as text, its values and its versions: to read, and to change while it runs. */
export function PolicyPanel({ document: found, state }: { document: PolicyDocument; state: PolicyState }) {
  const { model, clock } = useBoard();
  const [draft, setDraft] = useState<Draft | null>(null);
  const [said, say] = useState("");
  const [history, showHistory] = useState(false);
  const opener = useRef<Element | null>(null);
  const parameters = model.parameters.filter(({ path }) => path.startsWith(`${found.name}/`));

  const begin = (wanted: Draft): void => {
    opener.current = document.activeElement;
    say("");
    setDraft(wanted);
  };
  const close = (done = ""): void => {
    setDraft(null);
    say(done);
    if (opener.current instanceof HTMLElement) opener.current.focus();
  };
  const form = draft !== null && (
    <ChangeForm key={JSON.stringify(draft)} document={found} draft={draft} onClose={close} />
  );
  return (
    <section class="panel" aria-labelledby="expression">
      <div class="panel-head">
        <h2 id="expression">Policy</h2>
        <div class="buttons">
          <button
            type="button"
            aria-expanded={history ? "true" : "false"}
            onClick={() => showHistory(!history)}
          >
            Versions
          </button>
          <button type="button" onClick={() => begin({ of: "text", text: found.text })}>
            Edit text
          </button>
        </div>
      </div>
      {found.until !== undefined && (
        <p class="override">
          Override: takes itself back {found.until > clock ? `in ${span(found.until - clock)}` : "now"}, at{" "}
          {timeOfDay(found.until)}
        </p>
      )}
      {draft?.of === "text" ? form : <pre class="expression">{layered(found.text)}</pre>}
      <p class="note">{origin(found)}</p>
      <Followers state={state} />
      <p class="said" role="status">
        {said === "" ? "" : `✓ ${said}`}
      </p>
      {history && (
        <Versions document={found} onRollback={(to) => begin({ of: "version", to })}>
          {draft?.of === "version" && form}
        </Versions>
      )}
      {parameters.length > 0 && (
        <Parameters
          parameters={parameters}
          begin={begin}
          changing={draft?.of === "parameter" ? draft.parameter.path : ""}
          form={form}
        />
      )}
    </section>
  );
}

interface ParametersProps {
  readonly parameters: readonly ParameterState[];
  readonly begin: (draft: Draft) => void;
  /** The path of the value under which the form stands; empty for none. */
  readonly changing: string;
  readonly form: Child;
}

/** The values that the text gives, and if one wants to see them those that it leaves as they are by default. */
function Parameters({ parameters, begin, changing, form }: ParametersProps) {
  const [all, showAll] = useState(false);
  const shown = all ? parameters : parameters.filter(({ given }) => given);
  const left = parameters.length - shown.length;
  return (
    <>
      <ul class="parameters" aria-label="Values">
        {shown.map((parameter) => {
          const { path, given } = parameter;
          const value = parameter.value === null ? "" : bare(parameter.value);
          return (
            <li key={path}>
              <code>{inside(path)}</code>
              <code class="value" data-given={given ? "true" : undefined} title={boundsOf(parameter)}>
                {value === "" ? "not set" : value}
              </code>
              <button
                type="button"
                aria-label={`Change ${inside(path)}`}
                onClick={() => begin({ of: "parameter", parameter, value })}
              >
                Change
              </button>
              {changing === path && form}
            </li>
          );
        })}
      </ul>
      {(all || left > 0) && (
        <button
          type="button"
          class="link"
          aria-expanded={all ? "true" : "false"}
          onClick={() => showAll(!all)}
        >
          {all ? "Hide what is as by default" : `${left} more, as by default`}
        </button>
      )}
    </>
  );
}

/** The text with each outer layer in a line of its own. */
function layered(text: string): string {
  let depth = 0;
  return text.replace(/[()]| [+|&] /g, (found) => {
    if (found === "(") depth++;
    else if (found === ")") depth--;
    else if (depth === 0) return `\n${found.trimStart()}`;
    return found;
  });
}

function origin({ version, updatedAt, updatedBy }: PolicyDocument): string {
  if (version === 0 || updatedAt === null) return "As configured, never changed (version 0).";
  return `Version ${version}, by ${updatedBy ?? "somebody"} on ${dateAndTime(updatedAt)}.`;
}
