import type { CircuitState } from "../core/events.ts";
import type { HistogramSnapshot } from "../state/histogram.ts";
import type { Exemplar } from "../state/metric-family.ts";
import { Changes, isNoSum } from "./changes.ts";
import type { CircuitRoom } from "./circuits.ts";
import { countCalls, unknownLimits } from "./count-calls.ts";
import type { ObservedEvent } from "./live.ts";
import { observed } from "./observed.ts";
import type { ObservedBatch } from "./observed-batch.ts";
import { mostCircuits, mostPolicies, otherPolicies } from "./observer.ts";
import { ownTime } from "./own-time.ts";
import { markOf } from "./reporters.ts";
import { shardOf } from "./shards.ts";
import { Sightings } from "./sightings.ts";
import { Slot, type SlotSnapshot } from "./slot.ts";
import type { Limits } from "./system-state.ts";
import { Totals } from "./totals.ts";

/** Events that are told whole: as many as the observer keeps. */
const mostRecent = 200;

/** What the events of one policy add up to. Plain JSON. */
export interface PolicyTally {
  readonly policy: string;
  readonly slot: SlotSnapshot;
  readonly inTime: number;
  readonly durations: HistogramSnapshot;
  readonly attempts: HistogramSnapshot;
  /** By the bucket of `durations`. */
  readonly exemplars: readonly (readonly [bucket: number, Exemplar])[];
  readonly calls: ReturnType<Totals["calls"]>;
  /** Changes of circuits that were too many to be told whole, and how long they were open for. Older versions know of none. */
  readonly transitions?: ReturnType<Totals["transitions"]>;
  readonly openings?: readonly (readonly [circuit: string, HistogramSnapshot])[];
  /** The circuits that calls told of, by the state they came to them in: when first and when last. */
  readonly circuits: readonly (readonly [
    circuit: string,
    state: CircuitState,
    first: number,
    last: number,
  ])[];
  readonly limits: Limits;
  /** The marks of the sources. */
  readonly reporters: readonly number[];
}

/** What many events add up to, for the observer to add to what it knows. Plain JSON. */
export interface TallyPart {
  /** How many there were. */
  readonly events: number;
  /** Events that never left their senders. */
  readonly dropped: number;
  readonly policies: readonly PolicyTally[];
  /** What is no sum: changes of circuits, of which other isolates tell too, and documents. The last ones, where they are many. */
  readonly whole: readonly ObservedEvent[];
  /** The last 200 events. */
  readonly recent: readonly ObservedEvent[];
}

class Counting {
  events = 0;
  readonly slot = new Slot(0);
  readonly totals: Totals = new Totals();
  readonly circuits: Sightings;
  limits: Limits = unknownLimits;
  readonly reporters = new Set<number>();

  constructor(room: CircuitRoom) {
    this.circuits = new Sightings(room);
  }
}

/**
 * Adds up what comes, so that the observer has a part of the work that a batch after the other would make: what it is told
 * costs by policy, and not by event.
 *
 * Memory is bounded as the observer's is. An observer that merges it knows what it would know of the batches themselves.
 *
 * @example
 * tally.add(batch, Date.now());
 * for (const [, part] of tally.parts(1)) observer.merge(part, Date.now());
 */
export class Tally {
  events = 0;
  dropped = 0;
  readonly #policies = new Map<string, Counting>();
  readonly #room = { left: mostCircuits };
  readonly #changes = new Changes();
  readonly #recent: (readonly [batch: ObservedBatch, now: number])[] = [];
  #kept = 0;

  /** Counts a batch that came now. It holds on to the batch's last events, and changes none. */
  add(batch: ObservedBatch, now: number): void {
    const { events, sentAt, source } = batch;
    const mark = markOf(source.id);
    for (const event of events) {
      const counting = this.#counting(event.policy);
      const at = ownTime(event.at, sentAt, now);
      counting.events++;
      counting.reporters.add(mark);
      if (isNoSum(event)) {
        const whole = { ...observed(event, batch, now), policy: this.#nameOf(event.policy) };
        this.#changes.keep(whole, counting.totals);
      }
      counting.slot.add(event);
      countCalls(event, at, counting);
    }
    this.events += events.length;
    this.dropped += batch.dropped;
    this.#kept += events.length;
    this.#recent.push([batch, now]);
    for (let first = this.#recent[0]; first !== undefined; first = this.#recent[0]) {
      const { length } = first[0].events;
      if (this.#kept - length < mostRecent) break;
      this.#kept -= length;
      this.#recent.shift();
    }
  }

  /**
   * What each shard that has something to hear is to be told. What was dropped is told once.
   *
   * @param lost events that were dropped since, beside those that senders told of
   */
  parts(shards: number, lost = 0): (readonly [shard: number, part: TallyPart])[] {
    const recent = this.#recent.flatMap(([batch, now]) =>
      batch.events.map((event) => observed(event, batch, now)),
    );
    const whole = this.#changes.kept();
    const named = [...this.#policies];
    const all = Array.from({ length: shards }, (_, shard) => {
      const isIts = (policy: string): boolean => shardOf(this.#nameOf(policy), shards) === shard;
      const its = named.filter(([policy]) => isIts(policy));
      return {
        events: its.reduce((sum, [, { events }]) => sum + events, 0),
        dropped: 0,
        policies: its.map(([policy, counting]) => tallyOf(policy, counting)),
        whole: whole.filter(({ policy }) => isIts(policy)),
        recent: recent.filter(({ policy }) => isIts(policy)).slice(-mostRecent),
      };
    });
    const told = [...all.entries()].filter(
      ([shard, { events }]) => events > 0 || (this.events === 0 && shard === 0),
    );
    return told.map(([shard, part], at) => [
      shard,
      at === 0 ? { ...part, dropped: this.dropped + lost } : part,
    ]);
  }

  #nameOf(policy: string): string {
    return this.#policies.has(policy) ? policy : otherPolicies;
  }

  #counting(policy: string): Counting {
    const known = this.#policies.get(policy);
    if (known !== undefined) return known;
    const name = this.#policies.size < mostPolicies ? policy : otherPolicies;
    const counting = this.#policies.get(name) ?? new Counting(this.#room);
    this.#policies.set(name, counting);
    return counting;
  }
}

function tallyOf(policy: string, { slot, totals, circuits, limits, reporters }: Counting): PolicyTally {
  return {
    policy,
    slot: slot.snapshot(),
    inTime: totals.inTime,
    durations: totals.durations.snapshot(),
    attempts: totals.attempts.snapshot(),
    exemplars: totals.durations.exemplars.flatMap((exemplar, bucket) =>
      exemplar === undefined ? [] : [[bucket, exemplar] as const],
    ),
    calls: totals.calls(),
    transitions: totals.transitions(),
    openings: totals.openings().map(([circuit, histogram]) => [circuit, histogram.snapshot()]),
    circuits: circuits.told(),
    limits,
    reporters: [...reporters],
  };
}
