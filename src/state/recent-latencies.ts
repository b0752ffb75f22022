import { LatencySketch, type SketchSnapshot } from "./latency-sketch.ts";

/** Plain JSON. */
export interface LatenciesSnapshot {
  readonly older: SketchSnapshot;
  readonly newer: SketchSnapshot;
}

/** The latencies of the last calls. */
export class RecentLatencies {
  #older = new LatencySketch();
  #newer = new LatencySketch();
  #known: { readonly q: number; readonly at: number; readonly value: number } | undefined;
  /** Calls that were ever recorded. */
  seen = 0;

  /** @param half of the calls to look back on: between one and two times as many are kept */
  record(ms: number, half: number): void {
    if (this.#newer.count >= half) {
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

  snapshot(): LatenciesSnapshot {
    return { older: this.#older.snapshot(), newer: this.#newer.snapshot() };
  }

  restore({ older, newer }: LatenciesSnapshot): void {
    this.#older.restore(older);
    this.#newer.restore(newer);
    this.seen = this.#older.count + this.#newer.count;
    this.#known = undefined;
  }
}
