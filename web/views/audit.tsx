import { useEffect, useRef, useState } from "hono/jsx/dom";
import type { AuditEntry } from "ninelives/control";
import { explained, ProblemError } from "../api.ts";
import { useBoard } from "../board.ts";
import { dateAndTime, plural } from "../format.ts";
import { Empty } from "../parts/empty.tsx";

interface Trail {
  readonly entries: readonly AuditEntry[];
  readonly intact: boolean;
}

/** Milliseconds between two looks at the log while one looks at it. */
const every = 5_000;

/** Who sent which command, and what became of it. */
export function AuditView() {
  const { dashboard } = useBoard();
  const [trail, setTrail] = useState<Trail | null>(null);
  const [trouble, setTrouble] = useState<unknown>(null);

  const here = useRef(true);
  const load = (): Promise<void> =>
    dashboard.api.audit().then(
      (found) => {
        if (!here.current) return;
        setTrail(found);
        setTrouble(null);
      },
      (error: unknown) => {
        if (here.current) setTrouble(error);
      },
    );
  useEffect(() => {
    load();
    const timer = setInterval(load, every);
    return () => {
      here.current = false;
      clearInterval(timer);
    };
  }, []);

  return (
    <>
      <div class="toolbar">
        <h1>Audit</h1>
        {trail !== null && <Chain intact={trail.intact} />}
        {trail !== null && <Verification />}
        {trouble !== null && trail !== null && (
          <p class="note" role="status">
            not up to date: {explained(trouble)}
          </p>
        )}
      </div>
      {trail === null ? (
        <Missing
          trouble={trouble}
          enter={() => dashboard.askForToken("The audit log needs a token.").then(load)}
        />
      ) : trail.entries.length === 0 ? (
        <Empty title="Nobody has sent a command yet">
          <p>A change leaves two lines here: what was asked, and what became of it. A look leaves one.</p>
        </Empty>
      ) : (
        <Entries entries={trail.entries} />
      )}
    </>
  );
}

function Chain({ intact }: { intact: boolean }) {
  return (
    <p
      class="chain"
      data-intact={intact ? "true" : "false"}
      title="each entry holds the hash of the one before"
    >
      {intact ? "✓ chain intact" : "✕ chain broken: entries were changed or are missing"}
    </p>
  );
}

/** Has the server hash the whole log anew, not only what is shown. */
function Verification() {
  const { dashboard } = useBoard();
  const [said, say] = useState("");
  const verify = (): void => {
    say("hashing…");
    dashboard.command("audit.verify", {}).then(
      (found) => {
        const { intact, entries } = found as { intact: boolean; entries: number };
        say(`${plural(entries, "entry", "entries")} hashed anew: ${intact ? "✓ intact" : "✕ broken"}`);
      },
      (error: unknown) => say(explained(error)),
    );
  };
  return (
    <>
      <p class="note" role="status">
        {said}
      </p>
      <button type="button" onClick={verify}>
        Verify the whole log
      </button>
    </>
  );
}

function Missing({ trouble, enter }: { trouble: unknown; enter: () => void }) {
  if (trouble === null) return <Empty title="Fetching the audit log…" />;
  const wantsToken = trouble instanceof ProblemError && trouble.wantsToken;
  return (
    <Empty title={wantsToken ? "The audit log wants a token" : "The audit log did not come"}>
      <p>{explained(trouble)}</p>
      {wantsToken && (
        <p>
          <button type="button" class="primary" onClick={enter}>
            Enter a token
          </button>
        </p>
      )}
    </Empty>
  );
}

function Entries({ entries }: { entries: readonly AuditEntry[] }) {
  return (
    <table class="audit">
      <thead>
        <tr>
          <th scope="col">Time</th>
          <th scope="col">Outcome</th>
          <th scope="col">Who</th>
          <th scope="col">Command</th>
          <th scope="col">Arguments</th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <tr key={entry.seq} title={`entry ${entry.seq} · id ${entry.id} · hash ${entry.hash}`}>
            <td>
              <time dateTime={new Date(entry.at).toISOString()}>{dateAndTime(entry.at)}</time>
            </td>
            <td>
              <span class="outcome-mark" data-outcome={entry.outcome}>
                {entry.outcome}
              </span>
            </td>
            <td>{entry.identity}</td>
            <td>
              <code>{entry.command}</code>
            </td>
            <td>
              <code>{entry.args}</code>
              {entry.reason !== null && <p class="reason">{entry.reason}</p>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
