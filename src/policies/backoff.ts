import { type Changeable, changeable } from "../core/adaptive.ts";
import { known, within } from "../core/check.ts";
import type { Outcome } from "../core/classify.ts";
import type { Context } from "../core/context.ts";
import { type DescribedCall, describeValue } from "../core/description.ts";
import { type Duration, milliseconds, refuse } from "../core/duration.ts";
import type { Random } from "../core/random.ts";

/** How long to wait between attempts, before jitter. */
export interface Backoff extends DescribedCall {
  /** Milliseconds to wait after the `attempt`th attempt, which counts from 1. */
  delay(attempt: number): number;
}

/** Works out the wait after the `attempt`th attempt, which counts from 1, and what came of it. */
export type ComputedBackoff = (attempt: number, outcome: Outcome, context: Context) => Duration;

/** What `retry` takes for a back-off: any iterable of durations goes on with its last one when it ends. */
export type AnyBackoff = Backoff | Iterable<Duration> | ComputedBackoff;

/** The same wait each time. */
export function constant(delay: Changeable<Duration>): Backoff {
  const ms = changeable(delay, milliseconds, "constant: delay");
  return {
    recipe: { call: "constant", given: { delay }, table: { delay: { duration: true } } },
    delay: ms,
  };
}

/** A wait that grows by the same step each time: `step`, 2 × `step`, 3 × `step`. */
export function linear(step: Changeable<Duration>): Backoff {
  const ms = changeable(step, milliseconds, "linear: step");
  return {
    recipe: { call: "linear", given: { step }, table: { step: { duration: true } } },
    delay: (attempt) => ms() * attempt,
  };
}

export interface ExponentialOptions {
  /** What each wait is multiplied by for the next. Default 2. */
  readonly factor?: Changeable<number>;
}

/** A wait that grows by a factor each time: `first`, `first` × 2, `first` × 4. */
export function exponential(first: Changeable<Duration>, options: ExponentialOptions = {}): Backoff {
  const ms = changeable(first, milliseconds, "exponential: first");
  const factor = changeable(
    options.factor,
    (value = 2, option) => within(value, option, 1, 100),
    "exponential: factor",
  );
  known(options, "exponential", ["factor"]);
  return {
    recipe: {
      call: "exponential",
      given: { first, ...options },
      table: { first: { duration: true }, factor: {} },
    },
    delay: (attempt) => ms() * factor() ** (attempt - 1),
  };
}

/**
 * These waits in turn, and then the last one each time.
 *
 * @example
 * const policy = retry({ attempts: 5, backoff: sequence("0ms", "100ms", "1s") });
 */
export function sequence(...delays: readonly Changeable<Duration>[]): Backoff {
  const option = "sequence: delays";
  const waits = delays.map((each) => changeable(each, milliseconds, option));
  if (waits.length === 0) refuse(option, "one duration or more", delays);
  return {
    get recipe() {
      return { call: "sequence", arguments: delays.map((each) => ({ value: describeValue(each, true) })) };
    },
    delay: (attempt) => (waits[Math.min(attempt, waits.length) - 1] as () => number)(),
  };
}

/** Reads an iterable as far as it is needed, each item once: it may be a generator without end. */
function delaysOf(source: Iterable<Duration>, option: string): (attempt: number) => number {
  const items = source[Symbol.iterator]();
  const read: number[] = [];
  const delay = (attempt: number): number => {
    while (read.length < attempt) {
      const { done, value } = items.next();
      if (done) break;
      read.push(milliseconds(value, option));
    }
    return read[Math.min(attempt, read.length) - 1] as number;
  };
  return delay(1) === undefined ? refuse(option, "one duration or more", source) : delay;
}

/** Makes one function of every form of a back-off. */
export function delayOf(
  backoff: AnyBackoff,
  option: string,
): (attempt: number, outcome: Outcome, context: Context) => number {
  if (typeof backoff === "function") {
    return (attempt, outcome, context) => milliseconds(backoff(attempt, outcome, context), option);
  }
  if (typeof backoff === "object" && backoff !== null) {
    if ("delay" in backoff) return (attempt) => backoff.delay(attempt);
    if (Symbol.iterator in backoff) return delaysOf(backoff, option);
  }
  return refuse(
    option,
    'one such as exponential("100ms"), an iterable of durations or a function',
    backoff,
    TypeError,
  );
}

/**
 * How chance spreads a wait, so that clients that failed together do not come back together: `full` takes anything from
 * 0 to the wait, `equal` from half of it, a number such as 0.3 from 30 % less to 30 % more. `decorrelated` takes anything
 * from the back-off's first wait to three times the last one, whatever the back-off would say next.
 *
 * Source: Exponential Backoff and Jitter, AWS Architecture Blog, 2015.
 */
export type Jitter = "none" | "full" | "equal" | "decorrelated" | number;

/** The shares of a wait between which chance may choose. */
export type Spread = readonly [least: number, most: number];

const spreads = { none: [1, 1], full: [0, 1], equal: [0.5, 1] } as const;

/** @throws RangeError or TypeError that quotes a jitter that does not exist */
export function spreadOf(jitter: Jitter, option: string): Spread | "decorrelated" {
  if (typeof jitter === "number") return [1 - within(jitter, option, 0, 1), 1 + jitter];
  if (jitter === "decorrelated") return jitter;
  if (Object.hasOwn(spreads, jitter)) return spreads[jitter];
  return refuse(option, '"none", "full", "equal", "decorrelated" or a number from 0 to 1', jitter, TypeError);
}

/** A wait with its jitter, in milliseconds. */
export function spread(delay: number, [least, most]: Spread, random: Random): number {
  return delay * (least === most ? least : least + (most - least) * random());
}

/** The next wait of `decorrelated` jitter, in milliseconds; the one before the first is taken to be `first`. */
export function decorrelated(first: number, previous: number, most: number, random: Random): number {
  const least = Math.min(first, most);
  return least + (Math.min(Math.max(first, previous) * 3, most) - least) * random();
}
