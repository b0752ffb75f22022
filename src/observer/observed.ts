import type { PolicyEvent } from "../core/events.ts";
import type { ObservedEvent } from "./live.ts";
import type { ObservedBatch } from "./observed-batch.ts";
import { ownTime } from "./own-time.ts";

/** What a source is called where people read it. */
export function nameOfSource({ kind, id }: ObservedBatch["source"]): string {
  return `${kind} ${id.slice(0, 4)}`;
}

/** An event as the observer sees it. @param now when its batch came */
export function observed(
  event: PolicyEvent,
  { source, sentAt }: Pick<ObservedBatch, "source" | "sentAt">,
  now: number,
): ObservedEvent {
  return { ...event, at: ownTime(event.at, sentAt, now), source: nameOfSource(source) };
}
