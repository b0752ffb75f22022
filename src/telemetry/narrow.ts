import { within } from "../core/check.ts";
import type { EventSink, EventType, PolicyEvent } from "../core/events.ts";
import { type Random, systemRandom } from "../core/random.ts";
import { mostWeight } from "./event-schema.ts";
import { isAtLeast } from "./severity.ts";

/**
 * Lets only those events through to a sink that `wanted` says yes to.
 *
 * @example
 * const sink = filtered(({ type }) => type.startsWith("circuit."), consoleSink());
 */
export function filtered(wanted: (event: PolicyEvent) => boolean, sink: EventSink): EventSink {
  return {
    emit(event) {
      if (wanted(event)) sink.emit(event);
    },
  };
}

/** What comes with calls: the others are rare, and some of them tell what holds until the next. */
const frequent: ReadonlySet<EventType> = new Set<EventType>([
  "request.succeeded",
  "request.aborted",
  "retry.attempted",
  "circuit.called",
  "bulkhead.acquired",
  "rate-limit.waited",
  "hedge.started",
  "hedge.won",
  "call.coalesced",
  "cache.hit",
  "cache.missed",
  "chaos.injected",
  "span.ended",
]);

/**
 * Lets a share through to a sink of the events that come with calls, and all of those that warn or are rare.
 *
 * What is let through of the share carries its `weight`, such as 10 of a tenth: the observer, metrics and OTLP count it so
 * often, so that rates and error rates stay right but for chance. The events of one trace go together.
 *
 * @param rate 0, or 0.0001 to 1
 * @example
 * const sink = sampled(0.1, batch({ deliver, source: "node" }));
 */
export function sampled(rate: number, sink: EventSink, random: Random = systemRandom): EventSink {
  if (rate !== 0) within(rate, "sampled: rate", 1 / mostWeight, 1);
  const alike = 1 / rate;
  return {
    emit(event) {
      if (rate === 1 || !frequent.has(event.type) || isAtLeast(event, "warn")) sink.emit(event);
      else if (chanceOf(event.traceId, random) < rate) {
        // A share that is no whole number is right on average.
        const more = alike % 1 === 0 || random() >= alike % 1 ? 0 : 1;
        sink.emit({ ...event, weight: (event.weight ?? 1) * (Math.floor(alike) + more) });
      }
    },
  };
}

/** A number from 0 up to 1: of a trace always the same, on every machine. Its id is random to begin with. */
function chanceOf(traceId: string | undefined, random: Random): number {
  return traceId === undefined ? random() : Number.parseInt(traceId.slice(-12), 16) / 2 ** 48;
}
