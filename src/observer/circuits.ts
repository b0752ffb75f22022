import type { CircuitState, PolicyEvent } from "../core/events.ts";
import { type CircuitReport, type Turn, windowSpans } from "./system-state.ts";

/** States before its last one that are remembered of a circuit. */
const mostTurns = 20;

/** Circuits of one policy that are told apart; calls through further ones count for the last name. */
export const mostCircuits = 50;
export const otherCircuits = "(other)";

/** Milliseconds after which an opening that nobody tells of any more lapses with the next call that passes. */
const confirmedFor = 60_000;
/** Why such a circuit counts as closed. */
const lapsed = "unconfirmed";

/** What is known of a circuit, without what depends on when one asks. */
export type CircuitRecord = Omit<CircuitReport, "timeIn" | "turns"> & {
  readonly turns: readonly Turn[];
  readonly before: Partial<Record<CircuitState, number>>;
  /** When anybody last told that it lets not all calls pass, 0 for never. */
  readonly confirmedAt: number;
};

/** A record that is in use: each call changes it. */
type Heard = Omit<CircuitRecord, "heardAt" | "confirmedAt"> & { heardAt: number; confirmedAt: number };

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
    const confirmedAt = state === "closed" ? (before?.confirmedAt ?? 0) : at;
    if (before?.state === state && before.reason !== lapsed) {
      const later = (until ?? 0) > (before.until ?? Infinity);
      this.#records.set(circuit, {
        ...before,
        heardAt: at,
        confirmedAt,
        until: later ? until : before.until,
      });
      return undefined;
    }
    this.#keep({
      circuit,
      state,
      since: at,
      heardAt: at,
      confirmedAt,
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
    const confirmedAt = passes(state) ? 0 : at;
    if (known === undefined) {
      const rest = { until: null, reason: null, openings: 0, before: {}, turns: [] };
      if (this.#hasRoom) this.#keep({ circuit, state, since: at, heardAt: at, confirmedAt, ...rest });
      return;
    }
    const heard = turnedBy(known, state, at);
    heard.heardAt = Math.max(heard.heardAt, at);
    heard.confirmedAt = Math.max(heard.confirmedAt, confirmedAt);
    if (heard !== known) this.#records.set(circuit, heard);
  }

  /** Counts openings that nobody tells one by one any more. */
  opened(circuit: string, times: number): void {
    const known = this.#records.get(circuit);
    if (known !== undefined) this.#records.set(circuit, { ...known, openings: known.openings + times });
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

  states(): Pick<CircuitRecord, "circuit" | "state" | "heardAt">[] {
    return [...this.#records.values()].map(({ circuit, state, heardAt }) => ({ circuit, state, heardAt }));
  }

  reports(now: number): CircuitReport[] {
    return [...this.#records.values()].map(({ before, confirmedAt: _, ...known }) => ({
      ...known,
      timeIn: spent({ ...known, before }, now),
    }));
  }

  snapshot(): CircuitRecord[] {
    return [...this.#records.values()].map((record) => ({ ...record }));
  }

  /**
   * Adds what a snapshot holds, also one of a version that knew less: of two states of a circuit the newer holds, and one and the
   * same began when it was first heard of. An opening that the one tells of lapses where the other knows that calls pass.
   */
  restore(records: readonly RestoredCircuit[]): void {
    for (const record of records) {
      const known = this.#records.get(record.circuit);
      if (known === undefined && !this.#hasRoom) continue;
      const { before = {}, turns = [], heardAt = record.since } = record;
      const { confirmedAt = passes(record.state) ? 0 : heardAt } = record;
      const restored: Heard = { ...record, before, turns, heardAt, confirmedAt };
      this.#keep(known === undefined ? restored : merged(known, restored));
    }
  }
}

/** A circuit of a snapshot, also of one that an older version made. */
type RestoredCircuit = Omit<CircuitRecord, "before" | "heardAt" | "confirmedAt" | "turns"> &
  Partial<CircuitRecord>;

/** An event that tells that a circuit came to another state. */
export type ChangeEvent = Extract<
  PolicyEvent,
  { readonly type: "circuit.opened" | "circuit.half-opened" | "circuit.closed" }
>;

/** Whether a circuit came to another state. */
export function isChange(event: PolicyEvent): event is ChangeEvent {
  const { type } = event;
  return type === "circuit.opened" || type === "circuit.half-opened" || type === "circuit.closed";
}

/** The state that it came to. */
export function stateAfter(event: ChangeEvent): CircuitState {
  if (event.type === "circuit.closed") return "closed";
  if (event.type === "circuit.half-opened") return "half-open";
  return event.openFor === undefined ? "forced-open" : "open";
}

/** Whether a circuit in this state lets all calls through. */
function passes(state: CircuitState): boolean {
  return state === "closed" || state === "disabled" || state === "metrics-only";
}

/** What is known of a circuit after a call that came to it in this state: the record itself, if nothing else than before. */
function turnedBy(known: Heard, state: CircuitState, at: number): Heard {
  if (at <= known.since || state === known.state) return known;
  if (passes(state)) return lapsedBy(known, at);
  // Who begins anew has it from the store that somebody forced it open, and tells of no change.
  if (state === "forced-open") return to(known, state, at, "forced");
  // Whoever opened it is there still.
  return known.reason === lapsed ? to(known, state, at, null) : known;
}

/** Whoever opened a circuit may be gone: nobody then tells that it closes, only that calls pass. */
function lapsedBy(known: Heard, at: number): Heard {
  if (known.state !== "open" && known.state !== "half-open") return known;
  const lapsesAt = Math.max(known.until ?? 0, known.confirmedAt + confirmedFor);
  return at < lapsesAt ? known : to(known, "closed", lapsesAt, lapsed);
}

function to(known: Heard, state: CircuitState, at: number, reason: string | null): Heard {
  const rest = { until: null, before: spent(known, at), turns: turned(known, at) };
  return { ...known, ...rest, state, since: at, reason };
}

/** Two records of a circuit as one. */
function merged(known: Heard, restored: Heard): Heard {
  const later = restored.since > known.since === (restored.state !== known.state);
  const [newer, older] = later ? [restored, known] : [known, restored];
  const both = { ...newer, confirmedAt: Math.max(known.confirmedAt, restored.confirmedAt) };
  return {
    ...(passes(older.state) ? lapsedBy(both, older.heardAt) : both),
    openings: known.openings + restored.openings,
    heardAt: Math.max(known.heardAt, restored.heardAt),
  };
}

type Spent = Pick<CircuitRecord, "before" | "state" | "since">;

/** Milliseconds in each state until `now`. */
function spent({ before, state, since }: Spent, now: number): Partial<Record<CircuitState, number>> {
  return { ...before, [state]: (before[state] ?? 0) + Math.max(0, now - since) };
}

/** The states up to one that ends at `at`, save those that ended before the longest window began. */
function turned({ turns, state, since }: CircuitRecord, at: number): readonly Turn[] {
  const all = [...turns, { state, since }].slice(-mostTurns);
  return all.filter((_, index) => (all[index + 1]?.since ?? at) > at - windowSpans["15m"]);
}
