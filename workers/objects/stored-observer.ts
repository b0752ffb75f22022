import {
  Forgotten,
  type Gap,
  History,
  type ObservedEvent,
  Observer,
  type PolicySnapshot,
  type TallyPart,
} from "ninelives/observer";
import type { EventBatch } from "ninelives/telemetry";

const gapsKept = 10;
/** Of what isolates told, as many are known again: more than come while one is tried again. */
const mostTellings = 10_000;
/** Milliseconds between what is stored of a policy: at most so much is lost by a restart. */
const storeEvery = 5_000;
/** Milliseconds after which a gap is in no window any more. */
const longestWindow = 900_000;

/** An observer and its last events, as they survive a restart of their object. */
export class StoredObserver {
  readonly observer: Observer;
  readonly history = new History(crypto.randomUUID());
  readonly #forgotten = new Forgotten();
  readonly #kv: SyncKvStorage;
  readonly #gaps: readonly Gap[];
  readonly #unstored = new Set<string>();
  readonly #tellings = new Set<string>();
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

  /** Takes over a batch that nobody else holds, and gives the names of the policies of its events. */
  take(batch: EventBatch, now: number): ReadonlySet<string> {
    const [before, { end }] = [this.observer.forgotten.length, this.history];
    const events = this.observer.take(batch, now);
    const policies = new Set(events.map(({ policy }) => policy));
    this.#took(policies, events, events.length, now);
    this.#forgotten.add(this.observer.forgotten.slice(before), end);
    return policies;
  }

  /**
   * Takes what an isolate has counted, and gives the names of the policies that are concerned.
   *
   * @returns nothing where it was taken before: it came again since the answer was lost
   */
  merge(id: string, part: TallyPart, now: number): ReadonlySet<string> | undefined {
    if (this.#tellings.has(id)) return undefined;
    this.#tellings.add(id);
    if (this.#tellings.size > mostTellings)
      this.#tellings.delete(this.#tellings.values().next().value as string);
    const [before, { end }] = [this.observer.forgotten.length, this.history];
    const { policies, recent } = this.observer.merge(part, now);
    this.#took(policies, recent, part.events, now);
    this.#forgotten.add(this.observer.forgotten.slice(before), end);
    return policies;
  }

  /** What one is to forget who knows the events up to a number. */
  forgottenSince(number: number): { readonly forgotten?: readonly string[] } {
    return this.#forgotten.since(number, (policy) => this.observer.knows(policy));
  }

  #took(policies: ReadonlySet<string>, last: readonly ObservedEvent[], count: number, now: number): void {
    for (const policy of policies) this.#unstored.add(policy);
    this.history.add(last, count);
    this.#storeSoon(now);
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
    for (const policy of this.observer.forgotten.splice(0)) this.#kv.delete(`policy:${policy}`);
    for (const policy of this.#unstored) {
      const snapshot = this.observer.snapshot(policy);
      if (snapshot !== undefined) this.#kv.put(`policy:${policy}`, snapshot);
    }
    this.#unstored.clear();
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
