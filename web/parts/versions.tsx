import type { Child } from "hono/jsx";
import { useEffect, useState } from "hono/jsx/dom";
import type { PolicyDocument } from "ninelives/control";
import { explained } from "../api.ts";
import { useBoard } from "../board.ts";
import { dateAndTime, timeOfDay } from "../format.ts";

interface VersionsProps {
  readonly document: PolicyDocument;
  readonly onRollback: (version: number) => void;
  readonly children: Child;
}

/** The versions of a policy that are kept, newest first, each to be put in force again. */
export function Versions({ document: found, onRollback, children }: VersionsProps) {
  const { dashboard } = useBoard();
  const [kept, keep] = useState<readonly PolicyDocument[] | null>(null);
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    let here = true;
    dashboard.command("policy.history", { name: found.name }).then(
      (history) => here && keep(history as readonly PolicyDocument[]),
      (error: unknown) => here && setTrouble(explained(error)),
    );
    return () => {
      here = false;
    };
  }, [found.version]);
  return (
    <div class="versions">
      {children}
      {kept === null ? (
        <p class="note" role="status">
          {trouble === "" ? "Fetching the versions…" : trouble}
        </p>
      ) : (
        <ol reversed aria-label="Versions">
          {kept.map(({ version, text, updatedAt, updatedBy, until }) => (
            <li key={version}>
              <p>
                <strong>Version {version}</strong>{" "}
                <span class="note">
                  {updatedAt === null
                    ? "as configured"
                    : `${dateAndTime(updatedAt)} · ${updatedBy ?? "somebody"}`}
                  {until !== undefined && ` · override until ${timeOfDay(until)}`}
                </span>
              </p>
              {version === found.version ? (
                <span class="note">in force</span>
              ) : (
                <button
                  type="button"
                  aria-label={`Roll back to version ${version}`}
                  onClick={() => onRollback(version)}
                >
                  Roll back
                </button>
              )}
              <code>{text}</code>
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}
