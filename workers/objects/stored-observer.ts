import { type Gap, History, type ObservedEvent, Observer, type PolicySnapshot } from "ninelives/observer";
import type { EventBatch } from "ninelives/telemetry";

const gapsKept = 10;
/** Milliseconds between what is stored of a policy: at most so much is lost by a restart. */
const storeEvery = 5_000;
/** Milliseconds after which a gap is in no window any more. */
const longestWindow = 900_000;

/** An observer and its last events, as they survive a restart of their object. */
export class StoredObserver {
  readonly observer: Observer;
  readonly history = new History(crypto.randomUUID());
  readonly #kv: SyncKvStorage;
  readonly #gaps: readonly Gap[];
  readonly #unstored = new Set<string>();
  #storing: ReturnType<typeof setTimeout> | undefined;

  constructor(kv: SyncKvStorage) {
    this.#kv = kv;
    const since = kv.get<number>("since");
    this.observer = new Observer(since ?? Date.now());
    if (since === undefined) kv.put("since", this.observer.since);
    Object.assign(this.observer, kv.get<{ events: number; dropped: number }>("counted"));
    for (const [, snapshot] of kv.list<PolicySnapshot>({ prefix: "policy:" }))
      this.observer.restore(snapshot);
    this.history.restore(kv.get<ObservedEvent[]>("recent") ?? []);
    this.#gaps = gapsAfter(kv);
  }

  /** Takes over a batch that nobody else holds, and gives its events as they were understood. */
  take(batch: EventBatch, now: number): readonly ObservedEvent[] {
    const events = this.observer.take(batch, now);
    for (const { policy } of events) this.#unstored.add(policy);
    this.history.add(events);
    this.#storeSoon(now);
    return events;
  }

  /** The times that the windows may miss something of. */
  gaps(now: number): readonly Gap[] {
    return this.#gaps.filter(({ to }) => now - to <= longestWindow);
  }

  /** The timer keeps the object awake until all is stored; after that it may sleep. */
  #storeSoon(now: number): void {
    if (this.#storing !== undefined) return;
    this.#kv.put("unstored-since", now);
    this.#storing = setTimeout(() => this.#store(), storeEvery);
  }

  #store(): void {
    this.#storing = undefined;
    const { events, dropped } = this.observer;
    this.#kv.put("counted", { events, dropped });
    this.#kv.put("recent", this.history.snapshot());
    for (const policy of this.#unstored) this.#kv.put(`policy:${policy}`, this.observer.snapshot(policy));
    this.#unstored.clear();
    for (const policy of this.observer.forgotten.splice(0)) this.#kv.delete(`policy:${policy}`);
    this.#kv.delete("unstored-since");
  }
}

/** The gaps that are known, with one more when this start found something that had not been stored. */
function gapsAfter(kv: SyncKvStorage): Gap[] {
  const gaps = kv.get<Gap[]>("gaps") ?? [];
  const from = kv.get<number>("unstored-since");
  if (from === undefined) return gaps;
  const all = [...gaps, { from, to: Math.min(Date.now(), from + storeEvery) }].slice(-gapsKept);
  kv.put("gaps", all);
  kv.delete("unstored-since");
  return all;
}
