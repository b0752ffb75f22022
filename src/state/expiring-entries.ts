/** What is kept under a key, and until when it is fresh. */
export interface Entry<V> {
  readonly value: V;
  /** By the clock of whoever keeps it. */
  readonly staleAt: number;
  /** Until when it is somebody's to fetch anew. */
  leasedUntil: number;
}

/** Keeps a bounded number of values for a time each; what was used longest ago goes first. */
export class ExpiringEntries<V> {
  readonly #dropped: (value: V) => void;
  readonly #entries = new Map<string, Entry<V>>();

  /** @param dropped is told of each value that is no longer kept */
  constructor(dropped: (value: V) => void) {
    this.#dropped = dropped;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * What is kept under a key, which counts as its last use.
   *
   * @param patience for how many milliseconds after it went stale it is still of use; one that is of none is dropped
   */
  get(key: string, now: number, patience: number): Entry<V> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    // Deleting and setting again makes it the most recently used.
    this.#entries.delete(key);
    if (now - entry.staleAt >= patience) {
      this.#dropped(entry.value);
      return undefined;
    }
    this.#entries.set(key, entry);
    return entry;
  }

  /** @param most entries that are kept, this one included */
  set(key: string, value: V, staleAt: number, most: number): void {
    this.delete(key);
    while (this.#entries.size >= most) this.delete(this.#entries.keys().next().value as string);
    this.#entries.set(key, { value, staleAt, leasedUntil: -Infinity });
  }

  /** Whether there was something under the key. */
  delete(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#entries.delete(key);
    this.#dropped(entry.value);
    return true;
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key);
  }
}
