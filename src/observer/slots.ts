import type { PolicyEvent } from "../core/events.ts";
import { LatencySketch } from "../state/latency-sketch.ts";
import { type Counts, counters, noCounts, Slot, type SlotSnapshot, tally } from "./slot.ts";
import { type Series, type WindowName, type WindowState, windowSpans } from "./system-state.ts";

/** Milliseconds that one slot covers. */
const slotSpan = 5_000;
/** Slots of the last two minutes, each apart: the shortest window and the sparklines want them so. */
const seriesPoints = 24;
/** Older ones are put together by so many, which begin at a multiple of it. */
const together = 6;
/** Slots of the longest window. */
const slotsKept = 180;

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
    this.#slot(Math.floor(now / slotSpan)).add(event);
    tally(this.totals, event);
  }

  /** Adds what somebody else counted, at the observer's time. */
  merge(counted: Slot, now: number): void {
    this.#slot(Math.floor(now / slotSpan)).merge(counted);
    for (const name of counters) this.totals[name] += counted[name];
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
        sum.merge(this.#slots[next] as Slot);
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
    return this.#slots.map((slot) => slot.snapshot());
  }

  /**
   * Adds what a snapshot holds to what is known, so that of a new one it takes up where the snapshot was. What an older
   * version did not count yet is zero.
   */
  restore(snapshot: readonly SlotSnapshot[], totals: Partial<Counts>): void {
    for (const name of counters) this.totals[name] += totals[name] ?? 0;
    const known = new Map(this.#slots.map((slot) => [slot.number, slot]));
    for (const each of snapshot) {
      const slot = Slot.of(each);
      const same = known.get(slot.number);
      if (same === undefined) known.set(slot.number, slot);
      else same.merge(slot);
    }
    this.#slots = [...known.values()].sort((a, b) => a.number - b.number);
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
      else if (last?.number === first) last.merge(slot);
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
    amplification: latencies.count === 0 ? null : sum.attempts / latencies.count,
    p50: latencies.quantile(0.5),
    p90: latencies.quantile(0.9),
    p99: latencies.quantile(0.99),
    p999: latencies.quantile(0.999),
  };
}
