/** Read at each use, so that they may change while it runs. */
export interface AimdRateRules {
  /** What the share is multiplied by. */
  readonly decrease: number;
  /** What is added to it in each `per`. */
  readonly increase: number;
  /** The share that is always left. */
  readonly minimum: number;
}

/** Plain JSON, without times. */
export interface AimdRateSnapshot {
  /** The share in force. */
  readonly share: number;
  /** Milliseconds for which nothing should go. */
  readonly pause: number;
}

/**
 * The share of a rate that a service bears, found from when it asks for less: multiplied by `decrease` then, and raised
 * by `increase` for each `per` without another such sign.
 *
 * Calls that were under way when the share went down do not lower it again: one overload, one decrease.
 *
 * Source: Chiu and Jain, 1989 (additive increase, multiplicative decrease).
 */
export class AimdRate {
  readonly #rules: AimdRateRules;
  #share = 1;
  /** When the share went down last. */
  #loweredAt = -Infinity;
  /** From when on the share recovers. */
  #since = -Infinity;
  #pausedUntil = -Infinity;

  constructor(rules: AimdRateRules) {
    this.#rules = rules;
  }

  /** Until when nothing should go. */
  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  /** The share of the rate that may be used now; it grows in steps of `per` milliseconds. */
  share(per: number, now: number): number {
    if (this.#share === 1) return 1;
    const steps = Math.floor((now - this.#since) / per);
    if (steps > 0) {
      this.#share = Math.min(1, this.#share + steps * this.#rules.increase);
      this.#since += steps * per;
    }
    return this.#share;
  }

  /** The service asked for fewer calls, in its answer to one that began at `began`. */
  lower(began: number, now: number): void {
    if (began <= this.#loweredAt) return;
    this.#share = Math.max(this.#rules.minimum, this.#share * this.#rules.decrease);
    this.#loweredAt = now;
    this.#since = Math.max(now, this.#pausedUntil);
  }

  snapshot(now: number): AimdRateSnapshot {
    return { share: this.#share, pause: Math.max(0, this.#pausedUntil - now) };
  }

  /** Goes on from there as if the service had asked for it now. */
  restore({ share, pause }: AimdRateSnapshot, now: number): void {
    this.#share = share;
    this.#loweredAt = now;
    this.#since = this.#pausedUntil = now + pause;
  }

  /** The service asked that nothing comes for so many milliseconds. */
  pause(ms: number, now: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, now + ms);
    this.#since = Math.max(this.#since, this.#pausedUntil);
  }
}
