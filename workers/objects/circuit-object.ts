import { DurableObject } from "cloudflare:workers";
import {
  type CircuitCommand,
  type CircuitRecord,
  command,
  coordinate,
  type Report,
  type View,
  viewOf,
} from "ninelives/stores/durable-object";

/** Milliseconds between snapshots of what may be lost: who reported last, and how much. */
const snapshotEvery = 5_000;

/**
 * The home of one shared circuit, reached by the circuit's name.
 *
 * What matters is stored before it is told (transitions, permits, votes); counts are stored every few seconds.
 */
export class CircuitObject extends DurableObject<unknown> {
  #record: CircuitRecord | undefined;
  #storedAt = 0;

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env);
    this.#record = state.storage.kv.get<CircuitRecord>("record");
  }

  /** Takes a replica's report and answers with what the fleet knows. */
  sync(report: Report): View {
    const now = Date.now();
    const [record, view] = coordinate(this.#record, report, now);
    this.#keep(record, now);
    return view;
  }

  /** Does as a person says. */
  command(what: CircuitCommand): View {
    const now = Date.now();
    const record = command(this.#record, what, now);
    this.#keep(record, now);
    return viewOf(record);
  }

  /** What is known of the circuit now. */
  view(): View | undefined {
    return this.#record === undefined ? undefined : viewOf(this.#record);
  }

  #keep(record: CircuitRecord, now: number): void {
    const before = this.#record;
    this.#record = record;
    if (before !== undefined && !matters(before, record) && now - this.#storedAt < snapshotEvery) return;
    this.ctx.storage.kv.put("record", record);
    this.#storedAt = now;
  }
}

function matters(before: CircuitRecord, after: CircuitRecord): boolean {
  return (
    before.epoch !== after.epoch ||
    before.permitsGiven !== after.permitsGiven ||
    before.permits.length !== after.permits.length ||
    before.successes !== after.successes ||
    before.failers.length !== after.failers.length ||
    votes(before) !== votes(after)
  );
}

function votes({ members }: CircuitRecord): number {
  return members.filter(({ open }) => open).length;
}
