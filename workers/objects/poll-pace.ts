/** Milliseconds between two questions of one who asks, where few do. */
const soonest = 2_000;
/** The same where very many do. */
const latest = 60_000;
/** Milliseconds between the questions of all: a hundred a second, of the thousand that an object can take. */
const apart = 10;

/** Books the next question of each who asks an object again and again, so that however many do, it is asked so often and no more. */
export class PollPace {
  #booked = -Infinity;

  /** @returns milliseconds after which whoever asks now should ask again */
  book(now: number): number {
    this.#booked = Math.min(Math.max(now + soonest, this.#booked + apart), now + latest);
    return this.#booked - now;
  }
}
