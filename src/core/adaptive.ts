import type { Context } from "./context.ts";
import { type Duration, milliseconds, refuse } from "./duration.ts";

/** What an adaptive value may be; a length of time is compared by how long it is. */
export interface AdaptiveOptions<T> {
  /** The least that it may be set to. Default: what the policies that use it bear. */
  readonly minimum?: T;
  /** The most. */
  readonly maximum?: T;
  /** Throws when a value will not do. */
  readonly validate?: (value: T) => unknown;
}

/** A value that a policy reads at each call and that may be replaced while the policy runs. */
export interface Adaptive<T> {
  /** The value in force. */
  readonly value: T;
  /** Grows by one with each change, from 0. */
  readonly version: number;
  /** As it was made with. */
  readonly bounds: Pick<AdaptiveOptions<T>, "minimum" | "maximum">;
  get(): T;
  /**
   * Replaces the value from the next call on.
   *
   * @throws what the validator, or a policy that uses the value, throws of it; the old value then stays in force
   */
  set(value: T): void;
  update(change: (value: T) => T): void;
  /** Calls back after each change, until the function that it returns is called. */
  subscribe(listener: (value: T) => void): () => void;
}

class AdaptiveValue<T> implements Adaptive<T> {
  value: T;
  version = 0;
  readonly bounds: Adaptive<T>["bounds"];
  /** What policies demand of the value, by the name of their option. */
  readonly #checks = new Map<string, (value: T, option: string) => unknown>();
  readonly #listeners = new Set<(value: T) => void>();

  constructor(initial: T, { minimum, maximum, validate }: AdaptiveOptions<T>) {
    this.value = initial;
    this.bounds = { ...(minimum !== undefined && { minimum }), ...(maximum !== undefined && { maximum }) };
    this.reader((value) => {
      if (minimum !== undefined || maximum !== undefined) refuseBeyond(value, minimum, maximum);
      validate?.(value);
    }, "");
  }

  get(): T {
    return this.value;
  }

  set(value: T): void {
    for (const [option, check] of this.#checks) check(value, option);
    this.value = value;
    this.version++;
    for (const listener of this.#listeners) listener(value);
  }

  update(change: (value: T) => T): void {
    this.set(change(this.value));
  }

  subscribe(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Reads the value for a policy, checked: a bad one is refused when it is set and not when it is used.
   *
   * @param option policies that demand the same under the same name do so once: the value may outlive many of them
   */
  reader<R>(check: (value: T, option: string) => R, option: string): () => R {
    let { version } = this;
    let current = check(this.value, option);
    this.#checks.set(option, check);
    return () => {
      if (version !== this.version) {
        version = this.version;
        current = check(this.value, option);
      }
      return current;
    };
  }
}

/**
 * Makes a value that can be changed while policies use it.
 *
 * @param options its bounds and its validator, or only that: what they refuse is never in force
 * @throws RangeError that quotes a value out of its bounds, when it is made and when it is set
 * @example
 * const patience = adaptive<Duration>("2s", { minimum: "100ms", maximum: "10s" });
 * const policy = timeout(patience);
 * patience.set("500ms"); // from the next call on
 */
export function adaptive<T>(
  initial: T,
  options: AdaptiveOptions<T> | ((value: T) => void) = {},
): Adaptive<T> {
  return new AdaptiveValue(initial, typeof options === "function" ? { validate: options } : options);
}

function refuseBeyond(value: unknown, minimum: unknown, maximum: unknown): void {
  const measured = measure(value);
  const low = minimum === undefined ? -Infinity : measure(minimum);
  const high = maximum === undefined ? Infinity : measure(maximum);
  if (measured >= low && measured <= high) return;
  const wanted = [
    ...(minimum === undefined ? [] : [`at least ${minimum}`]),
    ...(maximum === undefined ? [] : [`at most ${maximum}`]),
  ];
  refuse("adaptive: value", wanted.join(" and "), value);
}

/** What is no number is a length of time. */
function measure(value: unknown): number {
  return typeof value === "number" ? value : milliseconds(value as Duration, "adaptive: value");
}

/** Whether it is adaptive; by its shape, so that who uses none bundles none. */
export function isAdaptive(value: unknown): value is Adaptive<unknown> {
  return typeof value === "object" && value !== null && "reader" in value;
}

/** An option that is a value or an adaptive value. */
export type Changeable<T> = T | Adaptive<T>;

/** An option that is a value, an adaptive value, or a function of the call's context. */
export type Tunable<T> = Changeable<T> | ((context: Context) => T);

/**
 * Makes an option readable at each call.
 *
 * A plain value is checked here, once; an adaptive one when it is set; a function's result at each call.
 */
export function tunable<T, R>(
  value: Tunable<T>,
  check: (value: T, option: string) => R,
  option: string,
): (context: Context) => R {
  if (typeof value === "function") {
    const compute = value as (context: Context) => T;
    return (context) => check(compute(context), option);
  }
  return changeable(value as Changeable<T>, check, option);
}

/** Makes an option readable that is no function of the context: a plain value is checked here, once. */
export function changeable<T, R>(
  value: Changeable<T>,
  check: (value: T, option: string) => R,
  option: string,
): () => R {
  if (isAdaptive(value)) return (value as AdaptiveValue<T>).reader(check, option);
  const checked = check(value as T, option);
  return () => checked;
}
