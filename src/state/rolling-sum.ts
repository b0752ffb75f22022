const slices = 10;

/** A sum over the last `span` milliseconds, which it forgets a tenth at a time. */
export class RollingSum {
  readonly #width: number;
  readonly #slices = new Float64Array(slices);
  #newest = -1;
  #sum = 0;

  constructor(span: number) {
    this.#width = span / slices;
  }

  add(value: number, now: number): void {
    const slice = this.#turn(now);
    this.#slices[slice] = (this.#slices[slice] as number) + value;
    this.#sum += value;
  }

  sum(now: number): number {
    this.#turn(now);
    return this.#sum;
  }

  /** Empties the slices that time has gone past, and gives the newest one. */
  #turn(now: number): number {
    const newest = Math.floor(now / this.#width);
    for (let old = Math.min(newest - this.#newest, slices); old > 0; old--) {
      const slice = (newest - old + 1) % slices;
      this.#sum -= this.#slices[slice] as number;
      this.#slices[slice] = 0;
    }
    this.#newest = Math.max(this.#newest, newest);
    return this.#newest % slices;
  }
}
