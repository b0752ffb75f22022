import type { EventType, PolicyEvent } from "../core/events.ts";
import { LatencySketch, type SketchSnapshot } from "../state/latency-sketch.ts";
import type { Series, WindowState } from "./system-state.ts";

/** Milliseconds that one slot covers. */
export const slotSpan = 5_000;
/** Slots of the longest window. */
const slotsKept = 180;
const seriesPoints = 24;

const counters = [
  "requests",
  "failures",
  "aborted",
  "attempts",
  "retries",
  "timeouts",
  "rejected",
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
  "throttle.rejected": "rejected",
  "fallback.used": "fallbacks",
  "hedge.started": "hedges",
  "hedge.won": "hedgesWon",
};

interface Slot extends Counts {
  /** The slot's number since 1970. */
  readonly number: number;
  /** The most calls that a bulkhead held at a time, 0 where none told. */
  active: number;
  readonly latencies: LatencySketch;
}

/** Plain JSON. */
export type SlotSnapshot = {
  readonly number: number;
  readonly active?: number;
  readonly latencies: SketchSnapshot;
} & Readonly<Partial<Counts>>;

/** The last fifteen minutes of one policy, in slots of five seconds, and what it counted since the beginning. */
export class Slots {
  readonly totals: Counts = noCounts();
  readonly #slots: Slot[] = [];

  /** Counts an event at the observer's time. */
  add(event: PolicyEvent, now: number): void {
    const slot = this.#slot(Math.floor(now / slotSpan));
    const count = (name: keyof Counts, by = 1): void => {
      slot[name] += by;
      this.totals[name] += by;
    };
    const counter = counterOf[event.type];
    if (counter !== undefined) count(counter);
    if (event.type === "bulkhead.acquired" || event.type === "bulkhead.rejected")
      slot.active = Math.max(slot.active, event.active);
    if (event.type !== "request.succeeded" && event.type !== "request.failed") return;
    count("attempts", event.attempts);
    if (event.type === "request.failed") count("failures");
    // A refused call took no time of the service; it would make a failing service look fast.
    if (event.attempts > 0) slot.latencies.record(event.duration);
  }

  /**
   * The last `span` milliseconds.
   *
   * @param since when the observer began: there is no rate for the time before
   */
  window(span: number, now: number, since: number): WindowState {
    const first = Math.floor((now - span) / slotSpan) + 1;
    const sum = noCounts();
    let active = 0;
    const latencies = new LatencySketch();
    for (const slot of this.#slots) {
      if (slot.number < first) continue;
      for (const name of counters) sum[name] += slot[name];
      active = Math.max(active, slot.active);
      latencies.merge(slot.latencies);
    }
    // The newest slot is not full yet: only the time that has passed counts.
    const watched = Math.max(1_000, Math.min(now - first * slotSpan, now - since));
    return {
      ...sum,
      rate: (sum.requests * 1_000) / watched,
      errorRate: sum.requests === 0 ? null : sum.failures / sum.requests,
      amplification: sum.requests === 0 ? null : sum.attempts / sum.requests,
      active,
      p50: latencies.quantile(0.5),
      p90: latencies.quantile(0.9),
      p99: latencies.quantile(0.99),
      p999: latencies.quantile(0.999),
    };
  }

  series(now: number): Series {
    const newest = Math.floor(now / slotSpan);
    const numbers = Array.from({ length: seriesPoints }, (_, point) => newest - seriesPoints + 1 + point);
    const slots = numbers.map((number) => this.#slots.find((slot) => slot.number === number));
    return {
      step: slotSpan,
      requests: slots.map((slot) => slot?.requests ?? 0),
      failures: slots.map((slot) => slot?.failures ?? 0),
      rejected: slots.map((slot) => slot?.rejected ?? 0),
      p50: slots.map((slot) => slot?.latencies.quantile(0.5) ?? null),
      p99: slots.map((slot) => slot?.latencies.quantile(0.99) ?? null),
    };
  }

  snapshot(): SlotSnapshot[] {
    return this.#slots.map((slot) => ({ ...slot, latencies: slot.latencies.snapshot() }));
  }

  /** Takes up where a snapshot was; what an older version did not count yet is zero. */
  restore(snapshot: readonly SlotSnapshot[], totals: Partial<Counts>): void {
    Object.assign(this.totals, totals);
    for (const { latencies, ...counts } of snapshot) {
      const slot: Slot = { active: 0, ...noCounts(), ...counts, latencies: new LatencySketch() };
      slot.latencies.restore(latencies);
      this.#slots.push(slot);
    }
  }

  #slot(number: number): Slot {
    const newest = this.#slots.at(-1);
    if (newest !== undefined && newest.number >= number) return newest;
    const slot: Slot = { number, active: 0, ...noCounts(), latencies: new LatencySketch() };
    this.#slots.push(slot);
    while ((this.#slots[0] as Slot).number <= number - slotsKept) this.#slots.shift();
    return slot;
  }
}

function noCounts(): Counts {
  return Object.fromEntries(counters.map((name) => [name, 0])) as Counts;
}
