/** Milliseconds in which what was seen loses all but 1/e of its weight. */
const decay = 10_000;

/**
 * How slow something is now: up at once with a slow answer, down slowly, so that one that stalls is avoided soon.
 *
 * What is not asked is forgotten, so that it is asked again. Source: Finagle's Peak EWMA, decay time 10 s.
 */
export class PeakLatency {
  #value = 0;
  #at = 0;
  #known = false;

  /** Whether it has seen an answer. */
  get known(): boolean {
    return this.#known;
  }

  record(ms: number, now: number): void {
    const kept = Math.exp(-(now - this.#at) / decay);
    this.#value = ms > this.#value ? ms : this.#value * kept + ms * (1 - kept);
    this.#at = now;
    this.#known = true;
  }

  /** In milliseconds, as it has faded by now. */
  now(now: number): number {
    return this.#value * Math.exp(-(now - this.#at) / decay);
  }
}
