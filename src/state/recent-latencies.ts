import { LatencySketch } from "./latency-sketch.ts";

/** The latencies of the last calls: between one and two times `half` of them. */
export class RecentLatencies {
  readonly #half: number;
  #older = new LatencySketch();
  #newer = new LatencySketch();
  #known: { readonly q: number; readonly at: number; readonly value: number } | undefined;
  /** Calls that were ever recorded. */
  seen = 0;

  constructor(half: number) {
    this.#half = half;
  }

  record(ms: number): void {
    if (this.#newer.count === this.#half) {
      this.#older = this.#newer;
      this.#newer = new LatencySketch();
    }
    this.#newer.record(ms);
    this.seen++;
  }

  /** The latency that a share `q` took at most; worked out anew once in sixteen calls. `null` without calls. */
  quantile(q: number): number | null {
    if (this.#known?.q === q && this.seen - this.#known.at < 16) return this.#known.value;
    const all = new LatencySketch();
    all.merge(this.#older);
    all.merge(this.#newer);
    const value = all.quantile(q);
    if (value !== null) this.#known = { q, at: this.seen, value };
    return value;
  }
}
