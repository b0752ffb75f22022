/**
 * Finds out how many calls a service can take at a time, from how long they take.
 *
 * It is told of each call that ended; time comes in as milliseconds.
 */
export interface ConcurrencyLimit {
  /** Calls that may run now; a fraction counts down. */
  readonly limit: number;
  /**
   * A call ended.
   *
   * @param latency milliseconds
   * @param running calls that were running when it began, itself included
   * @param dropped whether it timed out or was refused for overload: a sign to back off
   */
  record(latency: number, running: number, dropped: boolean, now: number): void;
}

export interface LimitBounds {
  readonly initial: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** A limit grows only while it is used: else an idle service would be credited with what it never showed. */
export function inUse(running: number, limit: number): boolean {
  return running * 2 >= limit;
}

export function bounded(limit: number, { minimum, maximum }: LimitBounds): number {
  return Math.min(maximum, Math.max(minimum, limit));
}
