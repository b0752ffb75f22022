import type { EventType, PolicyEvent } from "../core/events.ts";
import { LatencySketch, type SketchSnapshot } from "../state/latency-sketch.ts";

/** The names of what is counted. */
export const counters = [
  "requests",
  "failures",
  "degraded",
  "aborted",
  "attempts",
  "retries",
  "timeouts",
  "rejected",
  "waits",
  "fallbacks",
  "hedges",
  "hedgesWon",
] as const;

/** What a slot counts. */
export type Counts = Record<(typeof counters)[number], number>;

const counterOf: { readonly [T in EventType]?: keyof Counts } = {
  "request.succeeded": "requests",
  "request.failed": "requests",
  "request.aborted": "aborted",
  "retry.attempted": "retries",
  "timeout.occurred": "timeouts",
  "circuit.rejected": "rejected",
  "bulkhead.rejected": "rejected",
  "rate-limit.rejected": "rejected",
  "rate-limit.waited": "waits",
  "throttle.rejected": "rejected",
  "fallback.used": "fallbacks",
  "hedge.started": "hedges",
  "hedge.won": "hedgesWon",
};

/** A class, since there are many: its instances take no more room than they must. */
export class Slot implements Counts {
  /** The number of the first five seconds that it holds, since 1970. */
  number: number;
  requests = 0;
  failures = 0;
  degraded = 0;
  aborted = 0;
  attempts = 0;
  retries = 0;
  timeouts = 0;
  rejected = 0;
  waits = 0;
  fallbacks = 0;
  hedges = 0;
  hedgesWon = 0;
  /** The most calls that a bulkhead held at a time, 0 where none told. */
  active = 0;
  /** Absent while no call went out. */
  latencies: LatencySketch | undefined;

  constructor(number: number) {
    this.number = number;
  }

  /** Counts an event. */
  add(event: PolicyEvent): void {
    tally(this, event);
    const { type } = event;
    if (type === "bulkhead.acquired" || type === "bulkhead.rejected")
      this.active = Math.max(this.active, event.active);
    if (type !== "request.succeeded" && type !== "request.failed") return;
    // A refused call took no time of the service; it would make a failing service look fast.
    if (event.attempts === 0) return;
    this.latencies ??= new LatencySketch();
    this.latencies.record(event.duration, event.weight);
  }

  /** Adds what another one counted. */
  merge(other: Slot): void {
    for (const name of counters) this[name] += other[name];
    this.active = Math.max(this.active, other.active);
    if (other.latencies === undefined) return;
    this.latencies ??= new LatencySketch();
    this.latencies.merge(other.latencies);
  }

  snapshot(): SlotSnapshot {
    const { latencies, ...counts } = this;
    return latencies === undefined ? counts : { ...counts, sketch: latencies.snapshot() };
  }

  /** The slot of a snapshot. What an older version did not count yet is zero. */
  static of({ number, sketch, ...counts }: SlotSnapshot): Slot {
    const slot = new Slot(number);
    for (const name of [...counters, "active"] as const) slot[name] = counts[name] ?? 0;
    if (sketch === undefined) return slot;
    slot.latencies = new LatencySketch();
    slot.latencies.restore(sketch);
    return slot;
  }
}

/** Counts an event, save for how long it took. */
export function tally(counts: Counts, event: PolicyEvent): void {
  const { type, weight = 1 } = event;
  const counter = counterOf[type];
  if (counter !== undefined) counts[counter] += weight;
  if (type === "bulkhead.acquired" && event.waited > 0) counts.waits += weight;
  if (type !== "request.succeeded" && type !== "request.failed") return;
  counts.attempts += weight * event.attempts;
  if (type === "request.failed") counts.failures += weight;
  else if (event.degraded === true) counts.degraded += weight;
}

/** Counts of nothing. */
export function noCounts(): Counts {
  return Object.fromEntries(counters.map((name) => [name, 0])) as Counts;
}

/** Plain JSON. */
export type SlotSnapshot = {
  readonly number: number;
  readonly active?: number;
  /** Of calls that went out. An older version stored others, under another name. */
  readonly sketch?: SketchSnapshot;
} & Readonly<Partial<Counts>>;
