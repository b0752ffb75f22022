import type { PolicyDocument } from "./wire.ts";

/** Versions of a document that are kept; older ones are dropped. */
export const versionsKept = 50;

/** The versions of one document, oldest first: the last is in force. JSON, for any store. */
export type DocumentHistory = readonly [PolicyDocument, ...PolicyDocument[]];

/** A change that somebody asks for. */
export interface DocumentChange {
  readonly text: string;
  /** The version that they saw. */
  readonly expected: number;
  readonly by: string;
  /** Milliseconds after which the change takes itself back; without it, it stays. */
  readonly holds?: number | undefined;
  /** Of a change that stays, what it comes to beneath an override, which then holds on; without it the override ends. */
  readonly beneath?: string | undefined;
}

/** What became of a change of a document. */
export type DocumentOutcome =
  | {
      readonly document: PolicyDocument;
      /** The override that it ended before its time. */
      readonly ends?: EndedOverride;
    }
  | { readonly conflict: { readonly expected: number; readonly found: number } };

/** An override that holds no more, and until when it would have. */
export interface EndedOverride {
  readonly version: number;
  readonly until: number;
}

/** A history that begins with what the configuration says, as version 0. */
export function configured(name: string, text: string): DocumentHistory {
  return [{ name, text, version: 0, updatedAt: null, updatedBy: null }];
}

/** The version in force. */
export function inForce(history: DocumentHistory): PolicyDocument {
  return history.at(-1) as PolicyDocument;
}

/**
 * The history after a change, or `undefined` when the version that its sender saw is no longer in force.
 *
 * A change that stays ends an override for good, unless it says what it comes to beneath it; an override over an override ends
 * in what the first one covers.
 */
export function changed(
  history: DocumentHistory,
  change: DocumentChange,
  now: number,
): DocumentHistory | undefined {
  const { name, version, ...last } = inForce(history);
  const { text, expected, by, holds } = change;
  if (version !== expected) return undefined;
  const next = { name, text, version: version + 1, updatedAt: now, updatedBy: by };
  if (holds !== undefined) {
    const beneath = last.beneath ?? { version, text: last.text };
    // Of `1.1h` the sum is no whole number, and a snapshot has only those.
    return grown(history, { ...next, until: Math.ceil(now + holds), beneath });
  }
  const { until } = last;
  if (until === undefined || change.beneath === undefined) return grown(history, next);
  return grown(history, { ...next, until, beneath: { version: next.version, text: change.beneath } });
}

/** What becomes of a change, for stores: with the history after it, where it is taken. */
export function attempted(
  history: DocumentHistory,
  change: DocumentChange,
  now: number,
): { readonly outcome: DocumentOutcome; readonly after?: DocumentHistory } {
  const after = changed(history, change, now);
  if (after === undefined)
    return { outcome: { conflict: { expected: change.expected, found: inForce(history).version } } };
  const ends = endedBy(history, change);
  return { outcome: { document: inForce(after), ...(ends !== undefined && { ends }) }, after };
}

/** The override that a change would end before its time, if there is one. */
export function endedBy(
  history: DocumentHistory,
  { holds, beneath }: Pick<DocumentChange, "holds" | "beneath">,
): EndedOverride | undefined {
  const { version, until } = inForce(history);
  const ends = until !== undefined && holds === undefined && beneath === undefined;
  return ends ? { version, until } : undefined;
}

/** The history once an override has ended whose time is over; the same one where none has. */
export function settled(history: DocumentHistory, now: number): DocumentHistory {
  const { name, version, until, beneath } = inForce(history);
  if (until === undefined || beneath === undefined || until > now) return history;
  const updatedBy = `end of version ${version}`;
  return grown(history, { name, text: beneath.text, version: version + 1, updatedAt: now, updatedBy });
}

/**
 * The history once a snapshot's is in its place: one version more than either has, so that all who follow hear of it.
 *
 * @param current the history that was in force, if any
 */
export function restored(
  snapshot: DocumentHistory,
  current: DocumentHistory | undefined,
  now: number,
): DocumentHistory {
  const last = inForce(snapshot);
  const version = Math.max(last.version, current === undefined ? 0 : inForce(current).version) + 1;
  return grown(snapshot, { ...last, version, updatedAt: now });
}

/**
 * The histories once the documents of a snapshot are in the place of all; those that it lacks go back to what the
 * configuration says.
 *
 * @param originals what the configuration says of each policy that there is; others are left out
 */
export function replacing(
  snapshots: readonly DocumentHistory[],
  originals: readonly DocumentHistory[],
  currentOf: (name: string) => DocumentHistory | undefined,
  now: number,
): DocumentHistory[] {
  const named = new Map(snapshots.map((snapshot) => [inForce(snapshot).name, snapshot]));
  return originals.flatMap((original) => {
    const { name } = inForce(original);
    const current = currentOf(name);
    const snapshot = named.get(name) ?? (current && original);
    return snapshot === undefined ? [] : [restored(snapshot, current, now)];
  });
}

function grown(history: DocumentHistory, next: PolicyDocument): DocumentHistory {
  return [...history, next].slice(-versionsKept) as unknown as DocumentHistory;
}
