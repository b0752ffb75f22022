import type { PolicyEvent } from "../core/events.ts";
import { type ChangeEvent, isChange, stateAfter } from "./circuits.ts";
import type { ObservedEvent } from "./live.ts";
import { mostCircuits } from "./observer.ts";
import type { Totals } from "./totals.ts";

/** Changes of one circuit that are kept: as many as the observer remembers states of it. */
const mostChanges = 20;
/** So many of it when there are more than so many of all circuits together. */
const fewChanges = 2;
const manyChanges = 5_000;
/** What is kept of documents: the last that each source told. */
const mostDocuments = 2_000;

/** An event that the observer is to be told whole, under the name that its policy has there. */
type Kept = ObservedEvent;
type KeptChange = ChangeEvent & Kept;

/**
 * What is no sum: changes of circuits, of which others tell too, and how far everybody is with documents.
 *
 * Memory is bounded. Of a circuit that changes without end the oldest changes but one are added up instead, repeats left out.
 */
export class Changes {
  readonly #circuits = new Map<string, KeptChange[]>();
  readonly #documents = new Map<string, Kept>();
  #changes = 0;

  /** @param totals what adds up those that are not kept */
  keep(event: Kept, totals: Totals): void {
    if (isChange(event)) this.#keepChange(event, totals);
    else this.#keepDocument(event);
  }

  /** In the order in which they came, of each circuit and of each document. */
  kept(): readonly Kept[] {
    return [...[...this.#circuits.values()].flat(), ...this.#documents.values()];
  }

  #keepChange(event: KeptChange, totals: Totals): void {
    const key = JSON.stringify([event.policy, event.circuit]);
    const known = this.#circuits.get(key);
    if (known === undefined) {
      // No observer tells more apart.
      if (this.#circuits.size >= mostCircuits) return;
      this.#circuits.set(key, [event]);
      this.#changes++;
      return;
    }
    known.push(event);
    this.#changes++;
    const most = this.#changes > manyChanges ? fewChanges : mostChanges;
    for (; known.length > most; this.#changes--) squeeze(known, totals);
  }

  #keepDocument(event: Kept): void {
    const key = JSON.stringify([event.policy, event.source, event.type]);
    if (event.at < (this.#documents.get(key)?.at ?? 0)) return;
    this.#documents.delete(key);
    this.#documents.set(key, event);
    if (this.#documents.size > mostDocuments)
      this.#documents.delete(this.#documents.keys().next().value as string);
  }
}

/** Makes one of the two oldest changes: a repeat says nothing new, and what another one followed is counted. */
function squeeze(changes: KeptChange[], totals: Totals): void {
  const [oldest, next] = changes as [KeptChange, KeptChange];
  const to = stateAfter(oldest);
  if (to === stateAfter(next)) {
    changes.splice(1, 1);
    return;
  }
  changes.shift();
  totals.changed(oldest.circuit, to, oldest.type === "circuit.closed" ? oldest.openFor : undefined);
}

/** Whether an event is no sum. A document that is no policy's nobody follows here. */
export function isNoSum(event: PolicyEvent): boolean {
  if (event.type !== "document.applied" && event.type !== "document.refused") return isChange(event);
  return event.document === undefined;
}
