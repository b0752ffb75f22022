import type { EventSink } from "../core/events.ts";

/** Characters of a reason that an event holds. */
const longestReason = 300;

/**
 * Tells that a version of a document is in force here, or with a reason that it is refused.
 *
 * @param at milliseconds since 1970
 */
export function tellDocument(
  sink: EventSink,
  at: number,
  { name, version, reason }: { readonly name: string; readonly version: number; readonly reason?: string },
): void {
  const stamp = { policy: name, at, version };
  if (reason === undefined) sink.emit({ ...stamp, type: "document.applied" });
  else sink.emit({ ...stamp, type: "document.refused", reason: reason.slice(0, longestReason) || "refused" });
}
