import type { EventSink } from "../core/events.ts";

/** Characters of a reason that an event holds. */
const longestReason = 300;

/** What became of a version of a document. */
export interface ToldDocument {
  /** The policy's. */
  readonly name: string;
  readonly version: number;
  /** Why it is refused; in force without it. */
  readonly reason?: string;
  /** What the document is called where it is another one than the policy itself. */
  readonly document?: string;
}

/**
 * Tells that a version of a document is in force here, or with a reason that it is refused.
 *
 * @param at milliseconds since 1970
 */
export function tellDocument(
  sink: EventSink,
  at: number,
  { name, version, reason, document }: ToldDocument,
): void {
  const stamp = { policy: name, at, version, ...(document !== undefined && { document }) };
  if (reason === undefined) sink.emit({ ...stamp, type: "document.applied" });
  else sink.emit({ ...stamp, type: "document.refused", reason: reason.slice(0, longestReason) || "refused" });
}
