import type { EventType, PolicyEvent } from "../core/events.ts";
import { LatencySketch, type SketchSnapshot } from "../state/latency-sketch.ts";
import { type Series, type WindowName, type WindowState, windowSpans } from "./system-state.ts";

/** Milliseconds that one slot covers. */
const slotSpan = 5_000;
/** Slots of the last two minutes, each apart: the shortest window and the sparklines want them so. */
const seriesPoints = 24;
/** Older ones are put together by so many, which begin at a multiple of it. */
const together = 6;
/** Slots of the longest window. */
const slotsKept = 180;

const counters = [
  "requests",
  "failures",
  "degraded",
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

/** A class, since there are many: its instances take no more room than they must. */
class Slot implements Counts {
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
}

/** Plain JSON. */
export type SlotSnapshot = {
  readonly number: number;
  readonly active?: number;
  /** Of calls that went out. An older version stored others, under another name. */
  readonly sketch?: SketchSnapshot;
} & Readonly<Partial<Counts>>;

/**
 * The last fifteen minutes of one policy, and what it counted since the beginning.
 *
 * Slots of five seconds for two minutes, of thirty before: a window never holds more than its length, the one of a minute
 * lacks five seconds of it at most, longer ones thirty.
 */
export class Slots {
  readonly totals: Counts = noCounts();
  /** Oldest first: those that were put together, then those of five seconds. */
  #slots: Slot[] = [];

  /** Counts an event at the observer's time. */
  add(event: PolicyEvent, now: number): void {
    const { type } = event;
    const slot = this.#slot(Math.floor(now / slotSpan));
    const counter = counterOf[type];
    if (counter !== undefined) this.#count(slot, counter, 1);
    if (type === "bulkhead.acquired" || type === "bulkhead.rejected")
      slot.active = Math.max(slot.active, event.active);
    if (type !== "request.succeeded" && type !== "request.failed") return;
    this.#count(slot, "attempts", event.attempts);
    if (type === "request.failed") this.#count(slot, "failures", 1);
    else if (event.degraded === true) this.#count(slot, "degraded", 1);
    // A refused call took no time of the service; it would make a failing service look fast.
    if (event.attempts === 0) return;
    slot.latencies ??= new LatencySketch();
    slot.latencies.record(event.duration);
  }

  /**
   * The windows as of now.
   *
   * @param since when the observer began: there is no rate for the time before
   */
  windows(now: number, since: number): Readonly<Record<WindowName, WindowState>> {
    const sum = new Slot(0);
    const newest = Math.floor(now / slotSpan);
    let next = this.#slots.length - 1;
    const states = Object.entries(windowSpans).map(([name, span]) => {
      const first = firstOf(Math.floor((now - span) / slotSpan) + 1, newest);
      // Each window holds the shorter ones.
      for (; next >= 0 && (this.#slots[next] as Slot).number >= first; next--)
        addTo(sum, this.#slots[next] as Slot);
      return [name, stateOf(sum, now, Math.max(first * slotSpan, since))];
    });
    return Object.fromEntries(states);
  }

  series(now: number): Series {
    const newest = Math.floor(now / slotSpan);
    const points = new Array<Slot | undefined>(seriesPoints).fill(undefined);
    for (const slot of this.#slots.slice(-seriesPoints)) {
      const point = slot.number - newest + seriesPoints - 1;
      if (point >= 0 && point < seriesPoints) points[point] = slot;
    }
    return {
      step: slotSpan,
      requests: points.map((slot) => slot?.requests ?? 0),
      failures: points.map((slot) => slot?.failures ?? 0),
      rejected: points.map((slot) => slot?.rejected ?? 0),
      p50: points.map((slot) => slot?.latencies?.quantile(0.5) ?? null),
      p99: points.map((slot) => slot?.latencies?.quantile(0.99) ?? null),
    };
  }

  snapshot(): SlotSnapshot[] {
    return this.#slots.map(({ latencies, ...counts }) =>
      latencies === undefined ? counts : { ...counts, sketch: latencies.snapshot() },
    );
  }

  /**
   * Adds what a snapshot holds to what is known, so that of a new one it takes up where the snapshot was. What an older
   * version did not count yet is zero.
   */
  restore(snapshot: readonly SlotSnapshot[], totals: Partial<Counts>): void {
    for (const name of counters) this.totals[name] += totals[name] ?? 0;
    const known = new Map(this.#slots.map((slot) => [slot.number, slot]));
    for (const { number, sketch, ...counts } of snapshot) {
      const slot = new Slot(number);
      for (const name of [...counters, "active"] as const) slot[name] = counts[name] ?? 0;
      if (sketch !== undefined) {
        slot.latencies = new LatencySketch();
        slot.latencies.restore(sketch);
      }
      const same = known.get(number);
      if (same === undefined) known.set(number, slot);
      else addTo(same, slot);
    }
    this.#slots = [...known.values()].sort((a, b) => a.number - b.number);
  }

  #count(slot: Slot, name: keyof Counts, by: number): void {
    slot[name] += by;
    this.totals[name] += by;
  }

  /** The newest slot: a new one, when its time has come. */
  #slot(number: number): Slot {
    const newest = this.#slots.at(-1);
    if (newest !== undefined && newest.number >= number) return newest;
    const slot = new Slot(number);
    // A copy is as long as it must be; an array that grows keeps room for half as much again.
    this.#slots = [...this.#aged(number), slot].slice();
    return slot;
  }

  /** Without what is in no window any more, and with what is older than two minutes put together. */
  #aged(newest: number): Slot[] {
    const kept: Slot[] = [];
    for (const slot of this.#slots) {
      if (slot.number <= newest - slotsKept) continue;
      const first = slot.number - (slot.number % together);
      const last = kept.at(-1);
      if (slot.number > newest - seriesPoints) kept.push(slot);
      else if (last?.number === first) addTo(last, slot);
      else {
        slot.number = first;
        kept.push(slot);
      }
    }
    return kept;
  }
}

/** The first slot that a window holds: where they are put together, only whole ones. */
function firstOf(first: number, newest: number): number {
  return first > newest - seriesPoints ? first : Math.ceil(first / together) * together;
}

function addTo(sum: Slot, slot: Slot): void {
  for (const name of counters) sum[name] += slot[name];
  sum.active = Math.max(sum.active, slot.active);
  if (slot.latencies === undefined) return;
  sum.latencies ??= new LatencySketch();
  sum.latencies.merge(slot.latencies);
}

/** @param from when the window began, or the observer: the newest slot is not full yet, only the time that passed counts */
function stateOf(
  { number: _, latencies = new LatencySketch(), ...sum }: Slot,
  now: number,
  from: number,
): WindowState {
  return {
    ...sum,
    rate: (sum.requests * 1_000) / Math.max(1_000, now - from),
    errorRate: sum.requests === 0 ? null : sum.failures / sum.requests,
    amplification: sum.requests === 0 ? null : sum.attempts / sum.requests,
    p50: latencies.quantile(0.5),
    p90: latencies.quantile(0.9),
    p99: latencies.quantile(0.99),
    p999: latencies.quantile(0.999),
  };
}

function noCounts(): Counts {
  return Object.fromEntries(counters.map((name) => [name, 0])) as Counts;
}
