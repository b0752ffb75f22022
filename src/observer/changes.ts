import type { PolicyEvent } from "../core/events.ts";
import { type ChangeEvent, isChange, stateAfter } from "./circuits.ts";
import type { ObservedEvent } from "./live.ts";
import { mostCircuits } from "./observer.ts";
import type { Totals } from "./totals.ts";

/** Events of one circuit, or of one source with a document, that are kept: the observer remembers as many states of a circuit. */
const mostOfOne = 20;
/** So many when there are more than so many of all together. */
const fewOfOne = 2;
const many = 5_000;
/** Sources with a document that are told apart. */
const mostFollowers = 2_000;

type KeptChange = ChangeEvent & ObservedEvent;

/**
 * What is no sum: changes of circuits, of which others tell too, and how far everybody is with documents.
 *
 * Memory is bounded. Of a circuit that changes without end the oldest changes are added up instead, repeats left out; of
 * documents the oldest news are forgotten.
 */
export class Changes {
  readonly #circuits = new Map<string, KeptChange[]>();
  readonly #documents = new Map<string, ObservedEvent[]>();
  #kept = 0;

  /**
   * @param event under the name that its policy has for the observer
   * @param totals what adds up the changes that are not kept
   */
  keep(event: ObservedEvent, totals: Totals): void {
    if (isChange(event)) this.#keepChange(event, totals);
    else this.#keepDocument(event);
  }

  /** In the order in which they came, of each circuit and of each source. */
  kept(): readonly ObservedEvent[] {
    return [...this.#circuits.values(), ...this.#documents.values()].flat();
  }

  get #most(): number {
    return this.#kept > many ? fewOfOne : mostOfOne;
  }

  #keepChange(event: KeptChange, totals: Totals): void {
    const key = JSON.stringify([event.policy, event.circuit]);
    const known = this.#circuits.get(key) ?? [];
    // No observer tells more apart.
    if (known.length === 0 && this.#circuits.size >= mostCircuits) return;
    this.#circuits.set(key, known);
    this.#kept += 1;
    known.push(event);
    for (; known.length > this.#most; this.#kept--) squeeze(known, totals);
  }

  #keepDocument(event: ObservedEvent): void {
    const key = JSON.stringify([event.policy, event.source]);
    const known = this.#documents.get(key) ?? [];
    // Whoever told last comes last.
    this.#documents.delete(key);
    this.#documents.set(key, known);
    this.#kept += 1;
    known.push(event);
    for (; known.length > this.#most; this.#kept--) known.shift();
    if (this.#documents.size <= mostFollowers) return;
    const [oldest, told] = this.#documents.entries().next().value as [string, ObservedEvent[]];
    this.#documents.delete(oldest);
    this.#kept -= told.length;
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
