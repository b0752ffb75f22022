import type { ObservedEvent } from "./live.ts";

const eventsKept = 200;
/** Characters of JSON that are stored: a record of what stores them has its limit. */
const mostStored = 500_000;
/** Milliseconds after which a place is too long ago to go on from. */
const placeHolds = 60_000;

/** The last events, each with a number, so that a viewer who lost the connection can go on where it was. */
export class History {
  /** Events since this history began, of which the last 200 are kept. */
  end = 0;
  #events: readonly ObservedEvent[] = [];
  readonly #life: string;

  /** @param life random, made anew at each start: the numbers of another life mean nothing in this one */
  constructor(life: string) {
    this.#life = life;
  }

  /** @param count how many there were, of which these are the last. Default all */
  add(events: readonly ObservedEvent[], count: number = events.length): void {
    this.end += count;
    const before = count === events.length ? this.#events : [];
    this.#events = [...before, ...events].slice(-eventsKept);
  }

  /** What came after the one number until the other, and how much of it is not kept any more. */
  between(from: number, to: number): { readonly events: readonly ObservedEvent[]; readonly skipped: number } {
    const first = this.end - this.#events.length;
    const events = this.#events.slice(Math.max(0, from - first), Math.max(0, to - first));
    return { events, skipped: Math.max(0, to - from - events.length) };
  }

  /** The place of one who has heard of all until a number. */
  place(number: number, now: number): string {
    return `${this.#life}.${number}.${now}`;
  }

  /** The number to go on from, when the place is one of this life and of the last minute. */
  find(place: string, now: number): number | undefined {
    const [life, end, at] = place.split(".");
    const number = Number(end);
    if (life !== this.#life || !(number >= 0 && number <= this.end)) return undefined;
    return now - Number(at) <= placeHolds ? number : undefined;
  }

  /** The newest events that fit in a record. */
  snapshot(): readonly ObservedEvent[] {
    let room = mostStored;
    const first = this.#events.findLastIndex((event) => {
      room -= JSON.stringify(event).length;
      return room < 0;
    });
    return this.#events.slice(first + 1);
  }

  restore(events: readonly ObservedEvent[]): void {
    this.add(events);
  }
}
