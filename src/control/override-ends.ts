import type { PolicyDocument } from "./wire.ts";

/** What comes back when an override ends. */
export interface EndedDocument {
  readonly name: string;
  readonly text: string;
}

/**
 * When the overrides that are in force somewhere end, so that they do where nobody can be asked.
 *
 * A machine without a clock: time comes in, in milliseconds since 1970.
 */
export class OverrideEnds {
  readonly #held = new Map<string, EndedDocument & { readonly until: number }>();
  #next = Infinity;

  /** When the next one ends; `Infinity` while there is none. */
  get next(): number {
    return this.#next;
  }

  /** Takes note of a document that has come into force: one that is no override ends the one before it. */
  note({ name, until, beneath }: PolicyDocument): void {
    if (until === undefined || beneath === undefined) this.#held.delete(name);
    else this.#held.set(name, { name, text: beneath.text, until });
    this.#look();
  }

  /** Gives those whose time is over, each once. Costs a comparison while there are none. */
  take(now: number): readonly EndedDocument[] {
    if (now < this.#next) return [];
    const over = [...this.#held.values()].filter(({ until }) => until <= now);
    for (const { name } of over) this.#held.delete(name);
    this.#look();
    return over;
  }

  #look(): void {
    this.#next = Math.min(...[...this.#held.values()].map(({ until }) => until));
  }
}
