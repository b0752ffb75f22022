import { within } from "../core/check.ts";
import { argument, type DescribedCall, durationArgument, given } from "../core/description.ts";
import { type Duration, milliseconds } from "../core/duration.ts";
import type { Random } from "../core/random.ts";

/** How long to wait between attempts, before jitter. */
export interface Backoff extends DescribedCall {
  /** Milliseconds to wait after the `attempt`th attempt, which counts from 1. */
  delay(attempt: number): number;
}

/** The same wait each time. */
export function constant(delay: Duration): Backoff {
  const ms = milliseconds(delay, "constant: delay");
  return {
    description: { call: "constant", arguments: given(durationArgument(delay)) },
    delay: () => ms,
  };
}

/** A wait that grows by the same step each time: `step`, 2 × `step`, 3 × `step`. */
export function linear(step: Duration): Backoff {
  const ms = milliseconds(step, "linear: step");
  return {
    description: { call: "linear", arguments: given(durationArgument(step)) },
    delay: (attempt) => ms * attempt,
  };
}

export interface ExponentialOptions {
  /** What each wait is multiplied by for the next. Default 2. */
  readonly factor?: number;
}

/** A wait that grows by a factor each time: `first`, `first` × 2, `first` × 4. */
export function exponential(first: Duration, options: ExponentialOptions = {}): Backoff {
  const ms = milliseconds(first, "exponential: first");
  const factor = within(options.factor ?? 2, "exponential: factor", 1, 100);
  return {
    description: {
      call: "exponential",
      arguments: given(durationArgument(first), argument(options.factor, "factor")),
    },
    delay: (attempt) => ms * factor ** (attempt - 1),
  };
}

/**
 * How chance spreads a wait, so that clients that failed together do not come back together: `full` takes anything from
 * 0 to the wait, `equal` from half of it, a number such as 0.3 from 30 % less to 30 % more.
 *
 * Source: Exponential Backoff and Jitter, AWS Architecture Blog, 2015.
 */
export type Jitter = "none" | "full" | "equal" | number;

/** @throws RangeError or TypeError that quotes a jitter that does not exist */
export function checkJitter(jitter: Jitter): Jitter {
  if (typeof jitter === "number") return within(jitter, "retry: jitter", 0, 1);
  if (jitter === "none" || jitter === "full" || jitter === "equal") return jitter;
  throw new TypeError(
    `retry: jitter must be "none", "full", "equal" or a number from 0 to 1, but is ${JSON.stringify(jitter)}`,
  );
}

/** A wait with its jitter, in milliseconds. */
export function spread(delay: number, jitter: Jitter, random: Random): number {
  switch (jitter) {
    case "none":
      return delay;
    case "full":
      return delay * random();
    case "equal":
      return (delay * (1 + random())) / 2;
    default:
      return delay * (1 + jitter * (2 * random() - 1));
  }
}
