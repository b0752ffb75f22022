import type { PolicyDocument } from "./wire.ts";

/** Versions of a document that are kept; older ones are dropped. */
export const versionsKept = 50;

/** One version of a document. One that has a time `until` which it holds gives way to what is beneath it. */
export interface DocumentVersion extends PolicyDocument {
  /** The version that an override covers, and that comes back when it ends. */
  readonly beneath?: { readonly version: number; readonly text: string };
}

/** The versions of one document, oldest first: the last is in force. JSON, for any store. */
export type DocumentHistory = readonly [DocumentVersion, ...DocumentVersion[]];

/** A change that somebody asks for. */
export interface DocumentChange {
  readonly text: string;
  /** The version that they saw. */
  readonly expected: number;
  readonly by: string;
  /** Milliseconds after which the change takes itself back; without it, it stays. */
  readonly holds?: number | undefined;
}

/** A history that begins with what the configuration says, as version 0. */
export function configured(name: string, text: string): DocumentHistory {
  return [{ name, text, version: 0, updatedAt: null, updatedBy: null }];
}

/** The version in force. */
export function inForce(history: DocumentHistory): DocumentVersion {
  return history.at(-1) as DocumentVersion;
}

/**
 * The history after a change, or `undefined` when the version that its sender saw is no longer in force.
 *
 * A change that stays ends an override for good; an override over an override ends in what the first one covers.
 */
export function changed(
  history: DocumentHistory,
  change: DocumentChange,
  now: number,
): DocumentHistory | undefined {
  const last = inForce(history);
  const { text, expected, by, holds } = change;
  if (last.version !== expected) return undefined;
  const next = { name: last.name, text, version: last.version + 1, updatedAt: now, updatedBy: by };
  if (holds === undefined) return grown(history, next);
  const beneath = last.beneath ?? { version: last.version, text: last.text };
  // Of `1.1h` the sum is no whole number, and a snapshot has only those.
  return grown(history, { ...next, until: Math.ceil(now + holds), beneath });
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

/** The version in force as followers get it, who need not know what is beneath it. */
export function shown(history: DocumentHistory): PolicyDocument {
  const { beneath: _, ...document } = inForce(history);
  return document;
}

function grown(history: DocumentHistory, next: DocumentVersion): DocumentHistory {
  return [...history, next].slice(-versionsKept) as unknown as DocumentHistory;
}
