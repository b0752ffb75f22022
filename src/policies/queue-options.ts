import type { Tunable } from "../core/adaptive.ts";
import { rank } from "../core/check.ts";
import type { Duration } from "../core/duration.ts";
import { count, duration, type OptionRow, oneOf } from "../core/options.ts";

/** How calls wait for a slot. */
export interface QueueOptions {
  /** Calls that may wait for a slot. Default 0: a call without a slot is rejected. */
  readonly queue?: Tunable<number>;
  /** How long a call may wait. Required with a queue. */
  readonly maximumWait?: Tunable<Duration>;
  /**
   * Who gets the next slot, of those of one priority: the first that came, or the last, whose caller is the likeliest to
   * be there still. Default `fifo`.
   */
  readonly order?: Tunable<"fifo" | "lifo">;
  /** Who goes first, and takes the place of one with less when the queue is full. Default the call's own `priority`. */
  readonly priority?: Tunable<number>;
}

/** A row with a default. */
type Row<T, R> = OptionRow<T, R> & { readonly initial: T };

/** The rows that every policy with a queue has. */
export const queueTable: {
  readonly queue: Row<number, number>;
  readonly maximumWait: Row<Duration, number>;
  readonly order: Row<"fifo" | "lifo", "fifo" | "lifo">;
  readonly priority: OptionRow<number, number>;
} = {
  queue: { check: count(0), initial: 0 },
  maximumWait: { check: duration, initial: 0 },
  order: { check: oneOf("fifo", "lifo"), initial: "fifo" },
  priority: { check: rank },
};

/** @throws TypeError when calls could wait for ever, or for options that do nothing where none can wait */
export function demandMaximumWait(policy: string, { queue, ...rest }: QueueOptions): void {
  const { maximumWait } = rest;
  const idle = (["maximumWait", "order", "priority"] as const).find((name) => rest[name] !== undefined);
  if (queue === undefined && idle) throw new TypeError(`${policy}: ${idle} does nothing without a queue`);
  if (queue === undefined || queue === 0 || maximumWait !== undefined) return;
  throw new TypeError(`${policy}: maximumWait is required with a queue: nothing may wait for ever`);
}
