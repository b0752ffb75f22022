const minute = 60_000;

/** Where a bound stands: when its time began, and how many denials it has seen since. JSON, for any store. */
export interface DenialBoundState {
  readonly began: number;
  readonly seen: number;
}

export interface DenialBoundOptions {
  /** Denials that are written down one by one within the time. Default 20. */
  readonly written?: number;
  /** Milliseconds. Default a minute. */
  readonly within?: number;
  /** Where another one stood. */
  readonly state?: DenialBoundState;
}

/**
 * Bounds what those who are denied can write into a log: after twenty within a minute the rest is counted, and told as one.
 *
 * A machine without a clock: time comes in.
 */
export class DenialBound {
  readonly #written: number;
  readonly #within: number;
  #began: number;
  #seen: number;

  constructor({ written = 20, within = minute, state }: DenialBoundOptions = {}) {
    this.#written = written;
    this.#within = within;
    this.#began = state?.began ?? -Infinity;
    this.#seen = state?.seen ?? 0;
  }

  get state(): DenialBoundState {
    return { began: this.#began, seen: this.#seen };
  }

  /** Whether this denial is one to write down; else it is counted. */
  admits(now: number): boolean {
    if (this.isOver(now) && this.#seen <= this.#written) {
      this.#began = now;
      this.#seen = 0;
    }
    return ++this.#seen <= this.#written;
  }

  /** Whether the time is over that began with the first denial. */
  isOver(now: number): boolean {
    return now - this.#began >= this.#within;
  }

  /** When what was counted is to be told; `undefined` where nothing was. */
  get dueAt(): number | undefined {
    return this.#seen > this.#written ? this.#began + this.#within : undefined;
  }

  /** How many were counted, once their time is over; they are then told and forgotten. */
  take(now: number): number {
    const { dueAt } = this;
    if (dueAt === undefined || now < dueAt) return 0;
    const counted = this.#seen - this.#written;
    this.#began = -Infinity;
    this.#seen = 0;
    return counted;
  }
}
