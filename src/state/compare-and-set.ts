/** What a home keeps under a name. */
export interface Kept<V> {
  /** The text that was set last; nothing when there is none. */
  readonly text: string | undefined;
  /** What `set` is to find unchanged. */
  readonly version: V;
  /** The home's own time in milliseconds, where it has a clock. Else the wall clock of this machine counts. */
  readonly now?: number | undefined;
}

/** Anything that can keep a text and replace it only if nobody else has meanwhile. */
export interface CompareAndSet<V> {
  get(name: string, signal: AbortSignal): Promise<Kept<V>>;
  /** Replaces the text if its version still is `version`. Gives false when it is not. */
  set(name: string, text: string, version: V, signal: AbortSignal): Promise<boolean>;
}
