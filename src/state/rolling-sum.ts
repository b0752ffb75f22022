const slices = 10;

/** A sum over the last `span` milliseconds, which it forgets a tenth at a time. */
export class RollingSum {
  #width: number;
  #slices = new Float64Array(slices);
  #newest = -1;
  #sum = 0;

  constructor(span: number) {
    this.#width = span / slices;
  }

  /** @param at when it happened, which may be before what was added last */
  add(value: number, at: number): void {
    const number = Math.floor(at / this.#width);
    if (number > this.#newest) this.#turn(number);
    else if (number <= this.#newest - slices) return;
    const slice = number % slices;
    this.#slices[slice] = (this.#slices[slice] as number) + value;
    this.#sum += value;
  }

  sum(now: number): number {
    const number = Math.floor(now / this.#width);
    if (number > this.#newest) this.#turn(number);
    return this.#sum;
  }

  /** Looks back on another span from now on, and keeps what it holds as far as that reaches. */
  resize(span: number, now: number): void {
    if (span === this.#width * slices) return;
    this.sum(now);
    const [old, width, newest] = [this.#slices, this.#width, this.#newest];
    this.#width = span / slices;
    this.#slices = new Float64Array(slices);
    this.#newest = Math.floor(now / this.#width);
    this.#sum = 0;
    for (let number = Math.max(0, newest - slices + 1); number <= newest; number++) {
      // Nobody knows when within its slice a thing happened: it is taken to be the middle.
      this.add(old[number % slices] as number, Math.min((number + 0.5) * width, now));
    }
  }

  /** Empties the slices that time has gone past. */
  #turn(newest: number): void {
    for (let old = Math.min(newest - this.#newest, slices); old > 0; old--) {
      const slice = (newest - old + 1) % slices;
      this.#sum -= this.#slices[slice] as number;
      this.#slices[slice] = 0;
    }
    this.#newest = newest;
  }
}
