import { refuse } from "../core/duration.ts";
import type { PolicyEvent } from "../core/events.ts";

/** What the observer takes: the part of a batch that it needs, as a collector has read it. */
export interface ObservedBatch {
  readonly source: { readonly id: string; readonly kind: string };
  /** The sender's clock when it was sent, in milliseconds since 1970. */
  readonly sentAt: number;
  /** Events that never left the sender. */
  readonly dropped: number;
  readonly events: readonly PolicyEvent[];
}

/** @throws TypeError when it is no batch; its events are taken for granted */
export function checkBatch({ source, sentAt, dropped, events }: ObservedBatch): void {
  const wrong = (what: string, must: string, value: unknown): never =>
    refuse(`fold: batch.${what}`, must, value, TypeError);
  if (typeof source?.id !== "string") wrong("source", "{ id, kind }", source);
  if (!Number.isFinite(sentAt)) wrong("sentAt", "a time in milliseconds since 1970", sentAt);
  if (!Number.isFinite(dropped)) wrong("dropped", "a number of events", dropped);
  if (!Array.isArray(events)) wrong("events", "a list of events", events);
}
