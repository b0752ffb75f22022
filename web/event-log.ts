import type { ObservedEvent } from "ninelives/observer";
import { type Weight, weightOf } from "./sentence.ts";

/** An event with a number of its own, which grows. */
export interface LoggedEvent {
  readonly number: number;
  readonly event: ObservedEvent;
}

/** Events by their weight, newest last, so that many that tell little cannot push out the few that tell much. */
export type EventLog = { readonly [W in Weight]: readonly LoggedEvent[] } & {
  /** The number of the next event. */
  readonly next: number;
};

/** Together at most 500. */
const kept: Readonly<Record<Weight, number>> = { routine: 150, notable: 250, news: 100 };
const weights = Object.keys(kept) as Weight[];

export const emptyLog: EventLog = { next: 0, routine: [], notable: [], news: [] };

/** Takes events that came one after the other. */
export function appended(log: EventLog, events: readonly ObservedEvent[]): EventLog {
  if (events.length === 0) return log;
  const logged = events.map((event, index): LoggedEvent => ({ number: log.next + index, event }));
  const ring = (weight: Weight): LoggedEvent[] =>
    [...log[weight], ...logged.filter(({ event }) => weightOf(event) === weight)].slice(-kept[weight]);
  return {
    next: log.next + events.length,
    routine: ring("routine"),
    notable: ring("notable"),
    news: ring("news"),
  };
}

/** Takes the events of a snapshot, of which some may have been seen before the connection broke. */
export function caughtUp(log: EventLog, events: readonly ObservedEvent[]): EventLog {
  const seen = new Set(weights.flatMap((weight) => log[weight].map(({ event }) => JSON.stringify(event))));
  return appended(
    log,
    events.filter((event) => !seen.has(JSON.stringify(event))),
  );
}

/** What to show of the log. Empty texts let everything through. */
export interface LogFilter {
  /** Part of the sentence, the type, the policy or the source, in any case. */
  readonly text: string;
  /** The beginning of a type, such as `circuit.`; `notable` for all that are not routine. */
  readonly type: string;
  readonly policy: string;
}

/** A row of the log: alike events of the same five seconds are one. */
export interface LogRow extends LoggedEvent {
  /** When the first of them happened. */
  readonly at: number;
  readonly times: number;
  readonly sources: readonly string[];
}

const together = 5_000;

/** The rows that pass the filter, newest first. A row keeps its place when more alike events come. */
export function rowsOf(
  log: EventLog,
  { text, type, policy }: LogFilter,
  words: (event: ObservedEvent) => string,
): LogRow[] {
  const wanted = text.trim().toLowerCase();
  const prefix = type === "notable" ? "" : type;
  const all = weights
    .filter((weight) => type !== "notable" || weight !== "routine")
    .flatMap((weight) => log[weight])
    .sort((a, b) => a.number - b.number);
  const rows = new Map<string, LogRow>();
  for (const { number, event } of all) {
    if (policy !== "" && event.policy !== policy) continue;
    if (!event.type.startsWith(prefix)) continue;
    if (wanted !== "" && !searchable(event, words(event)).includes(wanted)) continue;
    const likeness = likenessOf(event);
    const before: LogRow = rows.get(likeness) ?? { number, event, at: event.at, times: 0, sources: [] };
    const sources = before.sources.includes(event.source)
      ? before.sources
      : [...before.sources, event.source];
    rows.set(likeness, { ...before, event, times: before.times + 1, sources });
  }
  return [...rows.values()].reverse();
}

function searchable(event: ObservedEvent, words: string): string {
  return `${words} ${event.type} ${event.policy} ${event.source} ${event.key ?? ""}`.toLowerCase();
}

/** News are never alike: each change of a circuit counts. */
function likenessOf(event: ObservedEvent): string {
  const kind = "kind" in event ? event.kind : "";
  const circuit = "circuit" in event ? event.circuit : "";
  const own = weightOf(event) === "news" ? `${event.at} ${event.source}` : "";
  return [event.type, event.policy, circuit, kind, Math.floor(event.at / together), own].join("\n");
}
