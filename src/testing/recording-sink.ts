import type { EventSink, EventType, PolicyEvent } from "../core/events.ts";

/** A sink that keeps every event for the test to look at. */
export interface RecordingSink extends EventSink {
  readonly events: readonly PolicyEvent[];
  /** The types of the events, first to last. */
  readonly types: readonly EventType[];
  /** The events of one type. */
  of<T extends EventType>(type: T): Extract<PolicyEvent, { type: T }>[];
}

/** Makes a sink that keeps every event. */
export function recordingSink(): RecordingSink {
  const events: PolicyEvent[] = [];
  return {
    events,
    get types() {
      return events.map((event) => event.type);
    },
    emit: (event) => {
      events.push(event);
    },
    of: <T extends EventType>(type: T) =>
      events.filter((event): event is Extract<PolicyEvent, { type: T }> => event.type === type),
  };
}
