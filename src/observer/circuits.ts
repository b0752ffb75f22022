import type { CircuitState, PolicyEvent } from "../core/events.ts";
import { type CircuitReport, type Turn, windowSpans } from "./system-state.ts";

/** States before its last one that are remembered of a circuit. */
const mostTurns = 20;

/** Circuits of one policy that are told apart; calls through further ones count for the last name. */
const mostCircuits = 50;
export const otherCircuits = "(other)";

/** What is known of a circuit, without what depends on when one asks. */
export type CircuitRecord = Omit<CircuitReport, "timeIn" | "turns"> & {
  readonly turns: readonly Turn[];
  readonly before: Partial<Record<CircuitState, number>>;
};

/** A record that is in use: each call changes it. */
type Heard = Omit<CircuitRecord, "heardAt"> & { heardAt: number };

/** A circuit came to another state. */
export interface Change {
  readonly circuit: string;
  readonly to: CircuitState;
}

/** Room for circuits that the policies of one observer share. */
export interface CircuitRoom {
  /** How many further ones are told apart. */
  left: number;
}

/** The circuits of one policy, as its events tell of them. */
export class Circuits {
  readonly #records = new Map<string, Heard>();
  readonly #room: CircuitRoom;

  constructor(room: CircuitRoom) {
    this.#room = room;
  }

  /** Gives the room back that its circuits took. */
  leave(): void {
    this.#room.left += this.#records.size;
    this.#records.clear();
  }

  /** The name that a circuit's numbers count for. */
  nameOf(circuit: string): string {
    return this.#records.has(circuit) || this.#hasRoom ? circuit : otherCircuits;
  }

  /** Takes what an event says of a circuit, and tells when that is news. */
  take(event: PolicyEvent): Change | undefined {
    if (!isChange(event)) return undefined;
    const { circuit, at } = event;
    const before = this.#records.get(circuit);
    if (before === undefined && !this.#hasRoom) return undefined;
    // Each isolate tells of the same change, some later than others; only the first telling is one.
    if (before !== undefined && at < before.since) return undefined;
    const opened = event.type === "circuit.opened";
    const state = stateAfter(event);
    const until = opened && event.openFor !== undefined ? at + event.openFor : null;
    if (before?.state === state) {
      const later = (until ?? 0) > (before.until ?? Infinity);
      this.#records.set(circuit, { ...before, heardAt: at, until: later ? until : before.until });
      return undefined;
    }
    this.#keep({
      circuit,
      state,
      since: at,
      heardAt: at,
      until,
      reason: opened ? event.reason : null,
      openings: (before?.openings ?? 0) + (opened ? 1 : 0),
      before: before === undefined ? {} : spent(before, at),
      turns: before === undefined ? [] : turned(before, at),
    });
    return { circuit, to: state };
  }

  /** A call went through a circuit, or was refused: it lives, and was closed all along if nobody said otherwise. */
  saw(circuit: string, state: CircuitState, at: number): void {
    const known = this.#records.get(circuit);
    // Who begins anew has it from the store that somebody forced it open, and tells of no change.
    if (known !== undefined && state === "forced-open" && known.state !== state && at > known.since) {
      const rest = { until: null, reason: "forced", before: spent(known, at), turns: turned(known, at) };
      this.#records.set(circuit, { ...known, ...rest, state, since: at, heardAt: at });
    } else if (known !== undefined) {
      known.heardAt = Math.max(known.heardAt, at);
    } else if (this.#hasRoom) {
      const rest = { until: null, reason: null, openings: 0, before: {}, turns: [] };
      this.#keep({ circuit, state, since: at, heardAt: at, ...rest });
    }
  }

  get #hasRoom(): boolean {
    return this.#records.size < mostCircuits && this.#room.left > 0;
  }

  #keep(record: Heard): void {
    if (!this.#records.has(record.circuit)) this.#room.left--;
    this.#records.set(record.circuit, record);
  }

  state(circuit: string): CircuitState | undefined {
    return this.#records.get(circuit)?.state;
  }

  states(): { readonly circuit: string; readonly state: CircuitState }[] {
    return [...this.#records.values()].map(({ circuit, state }) => ({ circuit, state }));
  }

  reports(now: number): CircuitReport[] {
    return [...this.#records.values()].map(({ before, ...known }) => ({
      ...known,
      timeIn: spent({ ...known, before }, now),
    }));
  }

  snapshot(): CircuitRecord[] {
    return [...this.#records.values()].map((record) => ({ ...record }));
  }

  /**
   * Adds what a snapshot holds, also one of a version that knew less: of two states of a circuit the newer holds, and one and the
   * same began when it was first heard of.
   */
  restore(
    records: readonly (Omit<CircuitRecord, "before" | "heardAt" | "turns"> & Partial<CircuitRecord>)[],
  ): void {
    for (const { before = {}, turns = [], heardAt, ...record } of records) {
      const known = this.#records.get(record.circuit);
      if (known === undefined && !this.#hasRoom) continue;
      const restored = { ...record, heardAt: heardAt ?? record.since, before, turns };
      const later = record.since > (known?.since ?? 0);
      const newer = known === undefined || later === (record.state !== known.state) ? restored : known;
      this.#keep({
        ...newer,
        openings: record.openings + (known?.openings ?? 0),
        heardAt: Math.max(restored.heardAt, known?.heardAt ?? 0),
      });
    }
  }
}

type ChangeEvent = Extract<
  PolicyEvent,
  { readonly type: "circuit.opened" | "circuit.half-opened" | "circuit.closed" }
>;

/** Whether a circuit came to another state. */
export function isChange(event: PolicyEvent): event is ChangeEvent {
  const { type } = event;
  return type === "circuit.opened" || type === "circuit.half-opened" || type === "circuit.closed";
}

function stateAfter(event: ChangeEvent): CircuitState {
  if (event.type === "circuit.closed") return "closed";
  if (event.type === "circuit.half-opened") return "half-open";
  return event.openFor === undefined ? "forced-open" : "open";
}

/** Milliseconds in each state until `now`. */
function spent({ before, state, since }: CircuitRecord, now: number): Partial<Record<CircuitState, number>> {
  return { ...before, [state]: (before[state] ?? 0) + Math.max(0, now - since) };
}

/** The states up to one that ends at `at`, save those that ended before the longest window began. */
function turned({ turns, state, since }: CircuitRecord, at: number): readonly Turn[] {
  const all = [...turns, { state, since }].slice(-mostTurns);
  return all.filter((_, index) => (all[index + 1]?.since ?? at) > at - windowSpans["15m"]);
}
