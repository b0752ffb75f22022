import { within } from "../core/check.ts";
import type { EventSink, PolicyEvent } from "../core/events.ts";
import { type Random, systemRandom } from "../core/random.ts";
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

/**
 * Lets a share of the events through to a sink, and all of those that warn.
 *
 * The events of one trace go together. Counts that are made of a sample are a share of the truth: where rates matter,
 * send all, or count before.
 *
 * @param rate 0 to 1
 * @example
 * const sink = sampled(0.1, consoleSink());
 */
export function sampled(rate: number, sink: EventSink, random: Random = systemRandom): EventSink {
  within(rate, "sampled: rate", 0, 1);
  return filtered((event) => isAtLeast(event, "warn") || chanceOf(event.traceId, random) < rate, sink);
}

/** A number from 0 up to 1: of a trace always the same, on every machine. Its id is random to begin with. */
function chanceOf(traceId: string | undefined, random: Random): number {
  return traceId === undefined ? random() : Number.parseInt(traceId.slice(-12), 16) / 2 ** 48;
}
