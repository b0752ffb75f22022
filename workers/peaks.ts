import type { EventSink } from "ninelives";

/** Milliseconds that a peak counts for. */
const lasts = 1_000;

/**
 * Lets of the news that a slot was taken only those through that tell more than another of the last second, and all that
 * waited for theirs.
 *
 * Each request takes a slot, and what is wanted is how many were taken at most: the rest would be half of all events.
 */
export function peaksOnly(sink: EventSink): EventSink {
  const told = new Map<string, { readonly active: number; readonly limit: number; readonly at: number }>();
  return {
    emit(event) {
      if (event.type === "bulkhead.acquired" && event.waited === 0) {
        const { policy, active, limit, at } = event;
        const last = told.get(policy);
        const isOld = last === undefined || last.limit !== limit || !(Math.abs(at - last.at) < lasts);
        if (!isOld && active <= last.active) return;
        told.set(policy, { active, limit, at });
      }
      sink.emit(event);
    },
  };
}
