/** Time as an argument: a machine asks only when it must, because a reading costs as much as all else it does. */
export interface TimeSource {
  /** Milliseconds on a clock that never goes back. */
  now(): number;
}
