/** Denials of strangers that are written down one by one within a minute. */
const written = 20;
const minute = 60_000;

/**
 * Bounds what strangers can write into a log: after twenty within a minute the rest is counted, and told as one.
 *
 * A machine without a clock: time comes in.
 */
export class DenialBound {
  #began = -Infinity;
  #seen = 0;

  /** Whether this denial is one to write down; else it is counted. */
  admits(now: number): boolean {
    if (now - this.#began >= minute && this.#seen <= written) {
      this.#began = now;
      this.#seen = 0;
    }
    return ++this.#seen <= written;
  }

  /** When what was counted is to be told; `undefined` where nothing was. */
  get dueAt(): number | undefined {
    return this.#seen > written ? this.#began + minute : undefined;
  }

  /** How many were counted, once their minute is over; they are then told and forgotten. */
  take(now: number): number {
    const { dueAt } = this;
    if (dueAt === undefined || now < dueAt) return 0;
    const counted = this.#seen - written;
    this.#began = -Infinity;
    this.#seen = 0;
    return counted;
  }
}
